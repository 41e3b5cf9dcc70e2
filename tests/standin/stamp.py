"""The version these binaries claim, and which build they are; the build writes its own."""

VERSION = "v1.34.2"
COMMIT = "0000000000000000000000000000000000000000"
BUILD = "source"
