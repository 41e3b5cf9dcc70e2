"""Attacks by what kbootstrap has to deal with but must not trust; see README.md."""
