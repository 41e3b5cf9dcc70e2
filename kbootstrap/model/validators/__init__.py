"""Validators of the values of an inventory; pure.

Each function takes the text as written and returns it in canonical form, or raises the error of
`base.invalid`.
"""
