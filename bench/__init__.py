"""The benchmark: kbootstrap, ansible-core, pyinfra and bare Paramiko on the same work.

``bench/run`` makes hosts on this computer, measures, and writes docs/performance/. See
docs/performance.md for what is measured and how to read it.
"""
