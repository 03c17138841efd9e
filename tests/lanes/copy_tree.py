# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy what git would commit from the checkout to FOLDER, and make that a repository of its own.

ansible-test works only in a real folder named ``.../ansible_collections/NAMESPACE/NAME``, and writes into it. The
copy has a repository so that the tools see the same files there as in the checkout, not those of the outer one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from places import ROOT

GIT = ["git", "-c", "safe.directory=*"]
"""CI systems check out as another user than the one that runs the tests, which git refuses by default."""


def main() -> int:
    folder = Path(os.path.abspath(sys.argv[1]))
    shutil.rmtree(folder, ignore_errors=True)
    listing = [*GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    copied = 0
    for name in names:
        source = ROOT / name
        if name and (source.is_symlink() or source.is_file()):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
            copied += 1
    subprocess.run([*GIT, "init", "--quiet", "--initial-branch=main", str(folder)], check=True)
    subprocess.run([*GIT, "add", "--all"], cwd=folder, check=True)
    print(f"{copied} files in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
