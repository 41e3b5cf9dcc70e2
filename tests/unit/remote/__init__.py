"""The transport without a network: codec, tables, and the shell text under real shells."""
