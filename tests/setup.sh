#!/bin/sh
# Makes .venv with the versions of .ci/dev.lock; as root also installs the Debian packages of the lab.
#
# Prints nothing on standard output, and does nothing if all of it is there: call it before anything.
set -eu
cd "$(dirname "$0")/.."

say() {
    echo "tests/setup.sh: $*" >&2
}

apt_install() {
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@" \
        </dev/null >/dev/null
}

pip_install() {
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check "$@" </dev/null >&2
}

# Sets $python to a Python that can make a venv: 3.11 or later, with ensurepip (on Debian a package
# of its own).
find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

# --- the venv; its stamp has the checksum of what was installed, and the directory

want="$(cat pyproject.toml .ci/dev.lock tests/setup.sh | cksum) $(pwd)"
stamp=.venv/kbootstrap-setup
have=""
[ ! -r "$stamp" ] || have=$(cat "$stamp")
if [ "$have" != "$want" ] || [ ! -x .venv/bin/python ]; then
    # A venv that was moved is made again: its scripts name their interpreter.
    if ! .venv/bin/pip --version >/dev/null 2>&1 || [ "${have#* * }" != "${have:+$(pwd)}" ]; then
        if ! find_python; then
            if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
                say "needs Python 3.11 or later with venv (on Debian: python3-venv)"
                exit 1
            fi
            apt_install python3 python3-venv
            find_python || { say "the Python of this system is older than 3.11"; exit 1; }
        fi
        say "making .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    say "installing kbootstrap and its test tools into .venv"
    pip_install --require-hashes --requirement .ci/dev.lock
    # What builds kbootstrap is in the lock too, so pip must download nothing more.
    pip_install --no-index --no-deps --no-build-isolation --editable .
    printf '%s\n' "$want" >"$stamp"
fi

# --- what is not Python

if [ "$(id -u)" -eq 0 ]; then
    tests/lab/setup.sh >&2
fi
