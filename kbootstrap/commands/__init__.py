"""The commands, one module each, called by `kbootstrap.cli`; each reads as a table of contents."""
