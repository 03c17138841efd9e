# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the collection awx.awx into .work/awx, for the tests of what is made with it.

It comes from PyPI, in the last package of Ansible that had it, of which the rest is left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from places import AWX_COLLECTIONS

PACKAGE = "ansible==13.*"
COLLECTION = "ansible_collections/awx/awx/"


def install() -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    # Only to be unpacked, so it does not matter whether this Python could run it.
    words = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.13"]
    with tempfile.TemporaryDirectory(dir=AWX_COLLECTIONS.parent) as folder:
        subprocess.run([*pip, *words, "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        fresh = Path(folder) / "fresh"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh, [name for name in archive.namelist() if name.startswith(COLLECTION)])
        shutil.rmtree(AWX_COLLECTIONS, ignore_errors=True)
        fresh.rename(AWX_COLLECTIONS)


def main() -> int:
    if not (AWX_COLLECTIONS / COLLECTION / "MANIFEST.json").is_file():
        install()
    print((AWX_COLLECTIONS / COLLECTION / "MANIFEST.json").read_text(encoding="utf-8")[:300])
    return 0


if __name__ == "__main__":
    sys.exit(main())
