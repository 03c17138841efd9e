# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep account of the slots of one run from the results of its tasks: who held which, and for how long. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.core.durations import format_duration
from ..module_utils.core.names import Owner

GOVERNED = "jetstream.governor.governed"
SLOT = "jetstream.governor.governor_slot"
JOBS = ("ansible.builtin.async_status", "async_status")

_TITLES = ("GOVERNOR", "HOST", "TASK", "WAITED", "HELD")


@dataclass(frozen=True)
class Event:
    """The result of a task, or of one item of its loop. ``args`` are the task's arguments as they were when it ran."""

    action: str
    host: str
    task: str
    args: Mapping[str, Any] = field(repr=False)
    result: Mapping[str, Any]


@dataclass
class Row:
    """A slot, or the try to get one, whose ``seq`` stays None. Times are in seconds, None where they are not known.

    ``note`` stands in the table beside the time that the slot was held. ``owner`` is given for the slots that
    governor_slot has acquired, and ``held_since``, by the ledger's clock, while it has not released them.
    """

    governor: str
    host: str
    task: str
    holder: str = ""
    waited: float | None = None
    held: float | None = None
    seq: int | None = None
    note: str = ""
    owner: Owner | None = None
    held_since: float | None = None

    def cells(self, now: float) -> tuple[str, ...]:
        """Return the texts of the row at the end of the run, in the order of the table's titles."""
        who = self.host if self.holder in ("", self.host) else f"{self.host} ({self.holder})"
        seconds, note = self.held, self.note
        if self.held_since is not None:
            seconds, note = now - self.held_since, "held to the end"
        held = [_shown(seconds)] if seconds is not None else []
        return self.governor, who, self.task, _shown(self.waited), ", ".join([*held, *([note] if note else [])]) or "-"


class Ledger:
    """The account of one run: ``record`` its results, then ask for the ``table``.

    ``rows`` are the slots, in the order in which tasks told of them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Open it, empty."""
        self.rows: list[Row] = []
        self._clock = clock
        self._kept: set[tuple[str, int]] = set()
        self._jobs: dict[str, Event] = {}

    def record(self, event: Event) -> None:
        """Enter what a result tells of slots."""
        if event.action in JOBS:
            self._collect(event)
        elif "results" in event.result and "slots" not in event.result:
            # It is the result of a whole loop, and its items were recorded one by one.
            return
        elif event.action == GOVERNED:
            self._governed(event)
        elif event.action == SLOT and event.args.get("state", "acquired") == "acquired":
            self._acquired(event)
        elif event.action == SLOT:
            self._ended(event)

    def table(self) -> list[str]:
        """Return the lines of a table of all rows, titles first."""
        now = self._clock()
        lines = [_TITLES, *(row.cells(now) for row in self.rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*lines)]
        return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]

    # -- the actions

    def _collect(self, event: Event) -> None:
        """Record the end of a job in the background as the result of the task that began it."""
        if event.result.get("finished"):
            begun = self._jobs.pop(str(event.result.get("ansible_job_id")), None)
            if begun is not None:
                self._acquired(Event(SLOT, begun.host, begun.task, begun.args, event.result))

    def _governed(self, event: Event) -> None:
        for inner in event.result.get("results") or []:
            if isinstance(inner, Mapping) and "slots" in inner:
                self._governed(Event(GOVERNED, event.host, event.task, {}, inner))
        for slot in event.result.get("slots") or []:
            self._governed_slot(event, slot)

    def _governed_slot(self, event: Event, slot: Mapping[str, Any]) -> None:
        if slot.get("seq") is not None:
            governor, seq = str(slot["governor"]), int(slot["seq"])
            kept, lost = slot.get("released") is False, slot.get("lost")
            if kept:
                self._kept.add((governor, seq))
            row = self._row(event, governor, slot)
            row.seq, row.held, row.note = seq, slot.get("held"), "lost" if lost else "kept" if kept else ""
        elif slot.get("waited") is not None:
            self._row(event, str(slot["governor"]), slot).note = "no slot"

    def _acquired(self, event: Event) -> None:
        result, slot = event.result, event.result.get("slot")
        job = result.get("ansible_job_id")
        if job and not result.get("finished"):
            self._jobs[str(job)] = event
        elif "acquired" not in result:
            # It was skipped, is hidden by no_log, or was ended by its timeout.
            return
        elif result["acquired"] and isinstance(slot, Mapping) and slot.get("seq"):
            self._slot_acquired(event, slot)
        elif not result["acquired"] and "waited" in result:
            self._row(event, str(event.args.get("governor")), result).note = "no slot"

    def _slot_acquired(self, event: Event, slot: Mapping[str, Any]) -> None:
        governor, seq = str(slot["governor"]), int(slot["seq"])
        owner = _owner(slot)
        held = {(row.governor, row.seq, row.owner) for row in self.rows if row.held_since is not None}
        if (governor, seq, owner) in held or (governor, seq) in self._kept:
            # It was acquired again, which has changed nothing.
            return
        row = self._row(event, governor, {**event.result, **slot})
        row.seq, row.owner, row.held_since = seq, owner, self._clock()

    def _ended(self, event: Event) -> None:
        for ended in event.result.get("released") or event.result.get("evicted") or []:
            owner = _owner(ended)
            for row in reversed(self.rows):
                same = (row.governor, row.seq, row.owner) == (event.args.get("governor"), ended["seq"], owner)
                if row.held_since is not None and same:
                    row.held_since, row.held = None, ended["held"]
                    break

    def _row(self, event: Event, governor: str, told: Mapping[str, Any]) -> Row:
        holder = told.get("holder") or event.args.get("holder") or ""
        row = Row(governor, event.host, event.task, str(holder), told.get("waited"))
        self.rows.append(row)
        return row


def _owner(told: Mapping[str, Any]) -> Owner:
    """Return the owner of a slot that governor_slot tells of. A ``run_id`` or ``host`` that is null becomes empty."""
    return Owner(str(told["run_id"] or ""), str(told["host"] or ""), str(told["holder"]))


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f}s" if seconds < 10 else format_duration(seconds)
