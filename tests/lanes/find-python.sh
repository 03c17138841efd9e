#!/bin/sh
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
#
# find-python.sh [VERSION ...]
#
# Prints the path of the first of these Python versions that works here (default: 3.13 3.12 3.11 3.10 3.14), and
# fails when there is none. "Works" means that it starts, is that version, and can make a virtual environment: a pyenv
# shim of a version that is not switched on exists but exits 127, and Debian's python3 may lack ensurepip.

works() { # FILE VERSION
    [ -x "$1" ] && "$1" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1
}

candidates() { # VERSION
    (IFS=:; for folder in $PATH; do echo "$folder/python$1"; done)
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"python$1" 2>/dev/null
}

[ $# -gt 0 ] || set -- 3.13 3.12 3.11 3.10 3.14
for version in "$@"; do
    candidates "$version" | {
        while IFS= read -r file; do
            if works "$file" "$version"; then
                echo "$file"
                exit 0
            fi
        done
        exit 1
    } && exit 0
done
echo "none of these Python versions was found: $*" >&2
exit 1
