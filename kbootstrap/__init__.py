"""kbootstrap: a file of machines goes in, a Kubernetes cluster comes out."""

__version__ = "0.1.0"
