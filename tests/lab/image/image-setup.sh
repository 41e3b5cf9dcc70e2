#!/bin/sh
# Runs once, chrooted, in the small Debian that container images are built on: drops dead weight.
set -eu
rm -rf /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info /usr/share/zoneinfo \
    /var/cache/debconf /var/log/* /usr/lib/x86_64-linux-gnu/perl-base /usr/bin/perl*
