# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when a file of code in the current repository is longer than a reader's patience."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LONGEST = 400
CODE = {".py", ".yml", ".yaml", ".sh", ".go"}
GENERATED = {Path("changelogs/changelog.yaml")}


def main() -> int:
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    files = [Path(name) for name in names if Path(name).suffix in CODE and Path(name) not in GENERATED]
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    long = {file: length for file, length in lengths.items() if length > LONGEST}
    for file, length in long.items():
        print(f"{file}: {length} lines, {LONGEST} are allowed")
    print(
        f"{len(files)} files of code, {sum(lengths.values())} lines, the longest has {max(lengths.values(), default=0)}"
    )
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
