# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who waited and held how long, and how many worked at once, by the times that the work itself noted.

Usage: report.py FOLDER CAP; exit code 1 when more worked at once than the cap allows, or when work is missing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path, cap: int) -> int:
    rows = [(path.stem, *row) for path in sorted(folder.glob("*.report")) for row in json.loads(path.read_text())]
    spans = [_span(folder / "work" / f"{run}-{host}") for run, host, _waited, _held in rows]
    print(_table(rows))
    most = max((_at_work(spans, began) for began, _ended in spans), default=0)
    print(f"{len(rows)} hosts worked in three runs; the largest number at work at once was {most}, the cap {cap}.")
    return 0 if rows and most <= cap else 1


def _span(work: Path) -> tuple[float, float]:
    return float(work.with_suffix(".began").read_text()), float(work.with_suffix(".ended").read_text())


def _at_work(spans: list[tuple[float, float]], moment: float) -> int:
    return sum(began <= moment < ended for began, ended in spans)


def _table(rows: list[Any]) -> str:
    lines = [f"{'RUN':<8}{'HOST':<8}{'WAITED':>8}{'HELD':>8}"]
    lines += [f"{run:<8}{host:<8}{waited:>6.1f} s{held:>6.1f} s" for run, host, waited, held in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
