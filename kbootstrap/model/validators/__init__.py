"""The forms of text in an inventory: pure checks that explain themselves.

Each function takes the user's text and returns it in its usual form, or raises `base.bad`.
"""
