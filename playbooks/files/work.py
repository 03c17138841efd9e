# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Half a second of real work that writes files and notes when it began and when it ended.

Usage: work.py FOLDER NAME
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _note(folder / f"{name}.began")
    for part in range(10):
        (folder / f"{name}.data").write_text(f"part {part}\n" * 1000)
        time.sleep(0.05)
    (folder / f"{name}.data").unlink()
    _note(folder / f"{name}.ended")


def _note(path: Path) -> None:
    """Write the time down; the file appears complete or not at all."""
    draft = path.with_suffix(path.suffix + ".draft")
    draft.write_text(f"{time.time():.6f}")
    draft.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
