# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who waited and held how long, and how many worked at once, by the times that the work itself noted.

Usage: report.py FOLDER CAP RACK_CAP; exit code 1 when more worked at once than a cap allows, or when work is missing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Span = tuple[float, float]


def main(folder: Path, cap: int, rack_cap: int) -> int:
    rows = [(path.stem, *row) for path in sorted(folder.glob("*.report")) for row in json.loads(path.read_text())]
    spans = [(rack, _span(folder / "work" / f"{run}-{host}")) for run, host, rack, *_slots in rows]
    print(_table(rows))
    most = _most([span for _rack, span in spans])
    racks = sorted({rack for rack, _when in spans})
    in_racks = {name: _most([span for rack, span in spans if rack == name]) for name in racks}
    told = ", ".join(f"{most_there} in rack {name}" for name, most_there in in_racks.items())
    print(f"{len(rows)} hosts worked in three runs; the largest number at work at once was {most}, the cap {cap};")
    print(f"in each rack: {told}; the cap {rack_cap}.")
    return 0 if rows and most <= cap and max(in_racks.values()) <= rack_cap else 1


def _span(work: Path) -> Span:
    return float(work.with_suffix(".began").read_text()), float(work.with_suffix(".ended").read_text())


def _most(spans: list[Span]) -> int:
    return max((sum(began <= moment < ended for began, ended in spans) for moment, _ended in spans), default=0)


def _table(rows: list[Any]) -> str:
    lines = [f"{'RUN':<8}{'HOST':<8}{'RACK':<6}{'WAITED':>8}{'FOR RACK':>10}{'HELD':>8}"]
    for run, host, rack, everywhere, in_rack in rows:
        waited, for_rack, held = everywhere["waited"], in_rack["waited"], everywhere["held"]
        lines.append(f"{run:<8}{host:<8}{rack:<6}{waited:>6.1f} s{for_rack:>8.1f} s{held:>6.1f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
