# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the sections, tell what came of them, and write it down."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from ansible_collections.jetstream.governor.tests.benchmarks import (
    ansible_tasks,
    handing_over,
    idle,
    looking,
    machine,
    scale,
    uncontended,
)
from ansible_collections.jetstream.governor.tests.benchmarks.handing_over import HandingOver
from ansible_collections.jetstream.governor.tests.benchmarks.idle import Idle
from ansible_collections.jetstream.governor.tests.benchmarks.table import Goal, Table


class Found(Protocol):
    """What a section has measured."""

    def tables(self) -> list[Table]:
        """What it was."""

    def goals(self) -> list[Goal]:
        """What it should have been."""

    def broken(self) -> list[str]:
        """Where more worked at once than the limit allows."""


class Section(NamedTuple):
    measure: Callable[[Path], Found]
    explained: Callable[[], list[str]]


SECTIONS = {
    "1": Section(handing_over.measure, handing_over.explained),
    "2": Section(idle.measure, idle.explained),
    "3": Section(uncontended.measure, uncontended.explained),
    "4": Section(ansible_tasks.measure, ansible_tasks.explained),
    "5": Section(looking.measure, looking.explained),
    "6": Section(scale.measure, scale.explained),
}
ON_REQUEST = {"6"}
"""These take long, and the whole machine: they are measured only where they are named."""

_HELP = f"of {', '.join(SECTIONS)}; default: all but {', '.join(sorted(ON_REQUEST))}"


def main() -> int:
    # Whoever ends this, the servers shall end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path(".work/bench"), help="folder for tables.md and picture.svg")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=_HELP)
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}, only {', '.join(SECTIONS)}")
    report = Report(options.into)
    report.tell(machine.described())
    sections = options.sections or [each for each in SECTIONS if each not in ON_REQUEST]
    found = [_section(SECTIONS[each], report) for each in sections]
    _tell_goals([goal for each in found for goal in each.goals()], report)
    _draw(found, report)
    broken = [each for one in found for each in one.broken()]
    for each in broken:
        report.tell(f"THE CAP WAS BROKEN: {each}.")
    return 1 if broken else 0


class Report:
    """What is told goes to the terminal and into the file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.picture = folder / "picture.svg"
        self._began = time.monotonic()
        self._file = folder / "tables.md"
        self._file.write_text("", encoding="utf-8")
        # That of another run.
        self.picture.unlink(missing_ok=True)

    def tell(self, text: str) -> None:
        print(f"{text}\n", flush=True)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n\n")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def _section(section: Section, report: Report) -> Found:
    before = report.seconds
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        found = section.measure(Path(folder))
    print(f"({report.seconds - before:.0f} s)\n", flush=True)
    for table in found.tables():
        report.tell(str(table))
    for each in section.explained():
        report.tell(each)
    return found


def _tell_goals(goals: list[Goal], report: Report) -> None:
    missed = [goal for goal in goals if not goal.met]
    report.tell(f"{len(goals) - len(missed)} of {len(goals)} goals met, in {report.seconds:.0f} s.")
    for goal in missed:
        report.tell(f"Missed: {goal.name}: {goal.value}, wanted {goal.text}.")


def _draw(found: list[Found], report: Report) -> None:
    handed_over = next((each for each in found if isinstance(each, HandingOver)), None)
    idled = next((each for each in found if isinstance(each, Idle)), None)
    if handed_over or idled:
        # Imported here: only a picture needs matplotlib, which is slow to import.
        from ansible_collections.jetstream.governor.tests.benchmarks.picture import draw

        draw(report.picture, handed_over, idled)
    print(f"Written to {report.folder}: {', '.join(sorted(path.name for path in report.folder.iterdir()))}", flush=True)
