"""kbootstrap makes a Kubernetes cluster from a file of nodes."""

__version__ = "0.1.0"
