# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run mypy on every Python file of the copy below ROOT, under the names that the imports use.

``run_mypy.py ROOT``, where ROOT holds ``ansible_collections``. The settings are in pyproject.toml. Scripts that import
their neighbours, such as those of this folder, have their folder as a base of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from places import COLLECTION, HERE, ROOT, WORK


def main() -> int:
    root = Path(sys.argv[1])
    copy = root / COLLECTION
    listing = ["git", "ls-files", "-z", "*.py"]
    names = subprocess.run(listing, cwd=copy, check=True, capture_output=True, text=True).stdout.split("\0")
    files = [str(COLLECTION / name) for name in names if name]
    bases = [root, copy / HERE.relative_to(ROOT)]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(str(base) for base in bases)}
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(copy / "pyproject.toml"),
        "--cache-dir",
        str(WORK / "mypy"),
    ]
    return subprocess.run([*mypy, *files], cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
