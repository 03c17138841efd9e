# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment, or leave it alone when it is what was asked for.

``make_venv.py FOLDER PYTHON REQUIREMENT ...``; a requirement ``-r FILE`` stands for the lines of that file. What the
folder was made of is in made-of.txt, written last, so that a half-made environment is made again. A lock beside it lets
several lanes ask for the same environment at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path


def expand(words: list[str]) -> list[str]:
    """The requirements with each ``-r FILE`` replaced by what the file says."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "-r":
            lines = Path(next(rest)).read_text(encoding="utf-8").splitlines()
            found += [line for line in lines if line and not line.startswith("#")]
        else:
            found.append(word)
    return found


def make(folder: Path, python: str, requirements: list[str]) -> None:
    version = subprocess.run([python, "-VV"], check=True, capture_output=True, text=True).stdout
    wanted = "\n".join([str(folder), python, version, *requirements])
    stamp = folder / "made-of.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"making {os.path.relpath(folder)} of {version.split(' (')[0]}: {' '.join(requirements)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "--quiet", *requirements], check=True)
    installed = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    (folder / "installed.txt").write_text(installed, encoding="utf-8")
    stamp.write_text(wanted, encoding="utf-8")


def main() -> int:
    folder, python, requirements = Path(os.path.abspath(sys.argv[1])), sys.argv[2], expand(sys.argv[3:])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            make(folder, python, requirements)
        except subprocess.CalledProcessError as error:
            return int(error.returncode) or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
