"""The version these binaries claim; the build writes its own."""

VERSION = "v1.34.2"
COMMIT = "0000000000000000000000000000000000000000"
