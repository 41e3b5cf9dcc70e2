"""The phases, one file each; `workflows` says which of them a command runs, in order."""
