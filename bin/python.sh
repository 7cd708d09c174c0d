# Sourced by the commands beside it: finds a Python that can run the platform and says so in one sentence where there is none.
# Sets: root (the checkout), python (its own environment's maker). PYTHON, where it is set, is tried first.

root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
python=""
# The system's own first, where it can make environments: distributions build theirs with profile-guided optimisation, hand-made ones
# seldom have it and send a tenth less mail a second.
if /usr/bin/python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    python=/usr/bin/python3
fi
for candidate in $PYTHON $python python3.11 python3.12 python3.13 python3 python3.14 python; do
    python=""
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Mailplatform needs Python 3.11 or newer: install it (on Debian: apt install python3 python3-venv) and try again." >&2
    exit 1
fi
