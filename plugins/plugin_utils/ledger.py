# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep account of the slots of one run from the results of its tasks: who held which, for how long, and still. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.connection_options import CONNECTION_OPTIONS
from ..module_utils.core.durations import format_duration
from ..module_utils.core.entry import Entry
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
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    skipped: bool = False


@dataclass(frozen=True)
class Address:
    """A governor, and how the task that acquired its slot got there. ``options`` may hold secrets."""

    governor: str
    options: Mapping[str, Any] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, event: Event) -> Address:
        """Return the address that the event's task went to, with plain strings and lists."""
        given = {option: value for option, value in event.args.items() if option in CONNECTION_OPTIONS}
        # Tagged values of ansible-core 2.19 and later are no plain str and list to other libraries.
        plain = json.loads(json.dumps([given, dict(event.environment)], default=str))
        return cls(str(event.args.get("governor")), *plain)


@dataclass
class Row:
    """A slot, or the try to get one, whose ``seq`` stays None. Times are in seconds, None where they are not known.

    ``note`` stands in the table beside the time that the slot was held. ``owner`` and ``address`` are given for the
    slots that governor_slot has acquired. ``borrowed`` slots were acquired for a run id that was given, so that another
    run may release them.
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
    address: Address | None = None
    is_held: bool = False
    borrowed: bool = False

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row, in the order of the table's titles."""
        who = self.host if self.holder in ("", self.host) else f"{self.host} ({self.holder})"
        held = [_shown(self.held)] if self.held is not None else []
        note = "still held" if self.is_held else self.note
        return self.governor, who, self.task, _shown(self.waited), ", ".join([*held, *([note] if note else [])]) or "-"


class Ledger:
    """The account of one run: ``record`` its results, then ask for the ``table`` and for what is left.

    ``rows`` are the slots, in the order in which tasks told of them. ``addresses`` are those that governor_slot went
    to, each once.
    """

    def __init__(self) -> None:
        """Open it, empty."""
        self.rows: list[Row] = []
        self.addresses: list[Address] = []
        self._run_ids: set[str] = set()
        self._kept: set[tuple[str, int]] = set()
        self._begun: dict[tuple[str, str], str] = {}
        self._jobs: dict[str, Event] = {}
        self._unclear: set[str] = set()

    # -- what happens

    def know(self, run_id: str) -> None:
        """Count slots with this run id as slots of this run."""
        self._run_ids.add(run_id)

    def begin(self, host: str, task_id: str, action: str) -> None:
        """Note that a task begins on a host, and may acquire a slot that it never tells of."""
        if action in (GOVERNED, SLOT):
            self._begun[host, task_id] = action

    def end(self, host: str, task_id: str) -> None:
        """Note that a task has told its result for a host."""
        self._begun.pop((host, task_id), None)

    def record(self, event: Event) -> None:
        """Enter what a result tells of slots."""
        if event.action in JOBS:
            self._collect(event)
        elif "results" in event.result and "slot" not in event.result:
            # It is the result of a whole loop, and its items were recorded one by one.
            return
        elif event.action == GOVERNED:
            self._governed(event)
        elif event.action == SLOT and event.args.get("state", "acquired") == "acquired":
            self._acquired(event)
        elif event.action == SLOT:
            self._ended(event)

    # -- what is left

    def leftovers(self) -> list[Row]:
        """Return the slots that governor_slot has acquired for this run alone, and that are held as far as is known."""
        return [row for row in self.rows if row.is_held and not row.borrowed]

    def may_have_more(self) -> bool:
        """Tell whether a governor_slot task may have acquired a slot and not told of it, as when it was interrupted.

        False where a governed task has not told of its slot either: such a slot, which that task releases itself or
        leaves on purpose, could not be told from the others.
        """
        open_ends = self._unclear | set(self._begun.values()) | ({SLOT} if self._jobs else set())
        return open_ends == {SLOT}

    def is_untold(self, governor: str, entry: Entry) -> bool:
        """Tell whether the entry is owned by this run and no task has told of it."""
        told = self._kept | {(row.governor, row.seq) for row in self.rows}
        return entry.run_id in self._run_ids and (governor, entry.seq) not in told

    def table(self) -> list[str]:
        """Return the lines of a table of all rows, titles first."""
        lines = [_TITLES, *(row.cells() for row in self.rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*lines)]
        return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]

    # -- the actions

    def _collect(self, event: Event) -> None:
        """Record the end of a job in the background as the result of the task that began it."""
        if event.result.get("finished"):
            begun = self._jobs.pop(str(event.result.get("ansible_job_id")), None)
            if begun is not None:
                self._acquired(Event(SLOT, begun.host, begun.task, begun.args, event.result, begun.environment))

    def _governed(self, event: Event) -> None:
        slot = event.result.get("slot")
        if not isinstance(slot, Mapping):
            slot = {}
        for inner in event.result.get("results") or []:
            if isinstance(inner, Mapping) and isinstance(inner.get("slot"), Mapping):
                self._governed(Event(GOVERNED, event.host, event.task, {}, inner))
        if slot.get("seq") is not None:
            governor, seq = str(slot["governor"]), int(slot["seq"])
            kept, lost = slot.get("released") is False, slot.get("lost")
            if kept:
                self._kept.add((governor, seq))
            row = self._row(event, governor, slot)
            row.seq, row.held, row.note = seq, slot.get("held"), "lost" if lost else "kept" if kept else ""
        elif slot.get("waited") is not None:
            self._row(event, str(slot["governor"]), slot).note = "no slot"
        elif event.args.get("release", "always") != "always" and not event.skipped:
            self._unclear.add(GOVERNED)

    def _acquired(self, event: Event) -> None:
        result, slot = event.result, event.result.get("slot")
        if "acquired" not in result:
            self._untold(event)
        elif result["acquired"] and isinstance(slot, Mapping) and slot.get("seq"):
            self._slot_acquired(event, slot)
        elif not result["acquired"] and "waited" in result:
            self._row(event, str(event.args.get("governor")), result).note = "no slot"

    def _slot_acquired(self, event: Event, slot: Mapping[str, Any]) -> None:
        governor, seq = str(slot["governor"]), int(slot["seq"])
        owner = _owner(slot)
        held = {(row.governor, row.seq, row.owner) for row in self.rows if row.is_held}
        if (governor, seq, owner) in held or (governor, seq) in self._kept:
            # It was acquired again, which has changed nothing.
            return
        row = self._row(event, governor, {**event.result, **slot})
        row.seq, row.owner, row.address, row.is_held = seq, owner, self._note(event), True
        row.borrowed = bool(event.args.get("run_id"))
        if not row.borrowed:
            self.know(str(slot["run_id"]))

    def _untold(self, event: Event) -> None:
        """Note a result that does not tell of a slot, though the task may have acquired one.

        It may be hidden by no_log, go on in the background, or have been ended by its timeout.
        """
        if event.skipped:
            return
        self._note(event)
        job = event.result.get("ansible_job_id")
        if job and not event.result.get("finished"):
            self._jobs[str(job)] = event
        else:
            self._unclear.add(SLOT)

    def _ended(self, event: Event) -> None:
        for ended in event.result.get("released") or event.result.get("evicted") or []:
            owner = _owner(ended)
            for row in reversed(self.rows):
                same = (row.governor, row.seq, row.owner) == (event.args.get("governor"), ended["seq"], owner)
                if row.is_held and same:
                    row.is_held, row.held = False, ended["held"]
                    break

    def _row(self, event: Event, governor: str, told: Mapping[str, Any]) -> Row:
        holder = told.get("holder") or event.args.get("holder") or ""
        row = Row(governor, event.host, event.task, str(holder), told.get("waited"))
        self.rows.append(row)
        return row

    def _note(self, event: Event) -> Address:
        address = Address.of(event)
        if address not in self.addresses:
            self.addresses.append(address)
        return address


def _owner(told: Mapping[str, Any]) -> Owner:
    """Return the owner of a slot that governor_slot tells of. A ``run_id`` or ``host`` that is null becomes empty."""
    return Owner(str(told["run_id"] or ""), str(told["host"] or ""), str(told["holder"]))


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f}s" if seconds < 10 else format_duration(seconds)
