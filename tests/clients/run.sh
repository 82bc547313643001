#!/bin/sh
# Runs flows of marketplace.py in a virtual environment of their own, which this makes when it is missing:
#   run.sh VENV ENDPOINT FLOW...
# Exit code 77: Python or boto3 cannot be had here; the reason is the last line on stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$1
shift

if ! command -v python3 >/dev/null 2>&1; then
    echo "python3 is not installed" >&2
    exit 77
fi
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    if ! python3 -m venv "$venv" >&2; then
        echo "python3 cannot make a virtual environment" >&2
        exit 77
    fi
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2; then
        echo "boto3 cannot be installed from the package index" >&2
        exit 77
    fi
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/marketplace.py" "$@"
