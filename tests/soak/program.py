# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random faults on real servers while a crowd works under a governor, and a checker of what happened.

NATS_SERVER names the binary. Exit code 1 when something was found.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from typing import NoReturn

from ansible_collections.jetstream.governor.plugins.module_utils.core.absences import required
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.tests.benchmarks.table import Table
from ansible_collections.jetstream.governor.tests.soak.checker import Finding, Verdict, check
from ansible_collections.jetstream.governor.tests.soak.crowd import crowd
from ansible_collections.jetstream.governor.tests.soak.faults import break_things
from ansible_collections.jetstream.governor.tests.soak.history import History, Left, Limit
from ansible_collections.jetstream.governor.tests.soak.plan import LEASE, Plan, draw
from ansible_collections.jetstream.governor.tests.soak.reaped import tell_reaped
from ansible_collections.jetstream.governor.tests.soak.scene import Scene
from ansible_collections.jetstream.governor.tests.soak.stage import Stage, stage
from ansible_collections.jetstream.governor.tests.soak.workforce import workforce
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, binary

clock = time.monotonic

_CALM = 0.15
"""So much of a run has no more faults."""
_LONGEST = 70.0
"""Seconds for which anything stands still at most, which is longer than an observation; less in shorter runs."""
_DRAIN = 120.0
"""Seconds in which everybody who waits gets a turn after the run."""
_SETTLE = 30.0
"""Seconds in which what was in doubt is withdrawn."""
_WHOLE = 600.0
"""Seconds that a run may take beyond its minutes, with all that is bounded in it."""
_AGAIN = 30.0
"""Seconds after which a run that does not end is told so again: what hangs may hang once more."""

_TOLD = 20
"""Findings of a run that are told one by one."""

_COLUMNS = [
    "seed",
    "server",
    "nodes",
    "replicas",
    "max_age",
    "minutes",
    "grants",
    "faults",
    "most / cap",
    "leaked",
    "idle",
    "idle in faults",
    "no verdict",
    "findings",
]
_NOTES = [
    "most / cap: at work at once, and the limit, when that was closest or worst. idle: seconds of the slot that was "
    "idle longest while somebody waited and the servers were in order; then with the time of faults. no verdict: waits "
    "that ended so.",
]

_PROMISES = [
    "seed",
    "P1 most / cap",
    "P2 handed on",
    "in order",
    "killed",
    "P3 P4 phantoms",
    "leaked",
    "P5 noticed",
    "in order",
    "P6 reaped alive",
    "reaped",
    "P7 without grant",
]
_NOTES_ON_PROMISES = [
    f"Seconds, with a lease of {LEASE:g} s and an observation of {required(LEASE, LEASE):g} s.",
    "P1: at work at once of those who were not told that their slot is lost. P2: until a killed holder's slot was free "
    "for the next, while somebody waited; then after the last fault of servers; killed: with a slot. P3, P4: holders "
    "without an entry; leaked: entries without a holder. P5: until a holder was told that its slot is lost, at worst; "
    "then where no fault was near. P6: holders reaped that lived; reaped: all that were. P7: without a grant after the "
    "last fault of servers, while somebody waited.",
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", metavar="N", help="one run each; default: a random one")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="how long each goes on; default: 1")
    options = parser.parse_args()
    version = _version()
    rows, promises, found = [], [], 0
    for seed in options.seed or [SystemRandom().randrange(1_000_000)]:
        plan = draw(seed, version)
        _tell(f"seed {seed}: nats-server {'.'.join(map(str, version))}, {plan.shown}")
        history = _bounded_run(plan, options.minutes * 60)
        verdict = check(history)
        _tell_findings(seed, verdict.findings)
        found += len(verdict.findings)
        rows.append(_row(plan, version, options.minutes, history, verdict))
        promises.append(_promises(plan, history, verdict))
    _tell(f"\n{Table('Soak', _COLUMNS, rows, _NOTES)}")
    _tell(f"\n{Table('Promises under faults', _PROMISES, promises, _NOTES_ON_PROMISES)}")
    return 1 if found else 0


def _tell_findings(seed: int, findings: list[Finding]) -> None:
    for finding in findings[:_TOLD]:
        _tell(f"FOUND with seed {seed}: {finding}")
    if len(findings) > _TOLD:
        _tell(f"FOUND with seed {seed}: {len(findings) - _TOLD} more")


def _tell(text: str) -> None:
    print(text, flush=True)


def _version() -> tuple[int, ...]:
    told = subprocess.run([binary(), "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", told)
    if found is None:
        raise SystemExit(f"{binary()} does not tell its version: {told}")
    return tuple(map(int, found.groups()))


def _bounded_run(plan: Plan, seconds: float) -> History:
    """A run ends, and its servers with it, whatever hangs in it."""
    history = History(
        clock(),
        [Limit(-math.inf, -math.inf, plan.limit)],
        plan.max_age,
        lease=LEASE,
        observation=required(LEASE, LEASE),
    )
    tell_reaped(lambda seq: history.reaped.update({seq: clock()}))
    nodes: list[NatsServer] = []
    signal.signal(signal.SIGALRM, _hangs)
    signal.setitimer(signal.ITIMER_REAL, seconds + _WHOLE, _AGAIN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            asyncio.run(_run(plan, seconds, Path(folder), history, nodes))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for node in nodes:
            node.stop(signal.SIGKILL)
    return history


def _hangs(*_: object) -> NoReturn:
    raise SystemExit("hang: the run did not come to its end")


async def _run(plan: Plan, seconds: float, folder: Path, history: History, nodes: list[NatsServer]) -> None:
    async with stage(plan, folder) as made:
        nodes += made.nodes
        history.began = clock()
        async with workforce(made, history) as processes, crowd(made, history) as people:
            scene = Scene(made, people, processes, history, min(_LONGEST, seconds / 6), lambda text: _tell(f"  {text}"))
            end = history.began + seconds
            await break_things(scene, end - _CALM * seconds)
            await asyncio.sleep(max(0.0, end - clock()))
            await asyncio.gather(people.ends(_DRAIN), processes.ends(_DRAIN))
            history.closed = clock()
            await people.stop()
            await processes.stop()
            try:
                history.left += await _left(made, {turn.holder for turn in history.turns if turn.killed is not None})
            except GovernorError as error:
                history.broken.append(f"the entries that are left could not be read: {error}")


async def _left(made: Stage, dead: set[str]) -> list[Left]:
    """Entries that nobody gives back, even if max_age were to end them before long.

    Without those of the dead: nobody waits any more who would reap them.
    """
    left: dict[int, Left] = {}
    deadline = clock() + _SETTLE
    while True:
        state = await made.manager.refresh()
        entries = [entry for entry in await made.manager.entries() if entry.holder not in dead]
        for entry in entries:
            expires = entry.expires_at(state.config.max_age)
            if clock() > deadline or (expires and (expires - state.now).total_seconds() < 1):
                left[entry.seq] = Left(entry.seq, entry.holder)
        if not entries or clock() > deadline:
            return list(left.values())
        await asyncio.sleep(0.25)


def _row(plan: Plan, version: tuple[int, ...], minutes: float, history: History, verdict: Verdict) -> list[str]:
    return [
        str(plan.seed),
        ".".join(map(str, version)),
        str(plan.nodes),
        str(plan.replicas),
        f"{plan.max_age:g}",
        f"{minutes:g}",
        str(verdict.grants),
        str(history.faults),
        f"{verdict.crowding.most} / {verdict.crowding.cap}",
        str(verdict.count("leak")),
        f"{verdict.idleness.in_order:.1f}",
        f"{verdict.idleness.in_all:.1f}",
        str(verdict.doubts),
        str(len(verdict.findings)),
    ]


def _promises(plan: Plan, history: History, verdict: Verdict) -> list[str]:
    kept = verdict.promises
    return [
        str(plan.seed),
        f"{verdict.crowding.most} / {verdict.crowding.cap}",
        f"{kept.handed_on.seconds:.1f}",
        f"{kept.handed_on_in_order.seconds:.1f}",
        str(len(history.orphans)),
        str(verdict.count("twice", "missing")),
        str(verdict.count("leak")),
        f"{kept.noticed.seconds:.1f}",
        f"{kept.noticed_in_order.seconds:.1f}",
        str(verdict.count("reaped")),
        str(len(history.reaped)),
        f"{kept.without_grant.seconds:.1f}",
    ]
