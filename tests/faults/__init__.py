"""The fault matrix: every phase of every command, broken before, inside and after, and finished.

`python -m tests.faults` runs it by hand; tests/faults/test_slice.py is the part for CI.
"""
