# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 3: a slot taken and given back by one worker alone, against the bare requests that this needs at least."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from nats.aio.client import Client

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import campaign_subject, stream_name
from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Algorithm
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.benchmarks.ours import Ours
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage, stages
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table, percent
from ansible_collections.jetstream.governor.tests.support.client import connected

BLOCKS, PAIRS = 15, 60
GOAL = 0.75

FLOOR, READING_FLOOR = "two bare requests", "three bare requests"
WITHOUT, WITH = str(Ours(queue=False)), str(Ours(queue=True))
COLUMNS = [str(Reference(0.25)), WITHOUT, WITH, FLOOR, READING_FLOOR]

Cycle = Callable[[], Awaitable[object]]


class Uncontended(NamedTuple):
    """By the name of the stage and of the column: pairs of entering and leaving a second, the median of the blocks."""

    rates: dict[str, dict[str, float]]

    def broken(self) -> list[str]:
        return []

    def goals(self) -> list[Goal]:
        return [_goal(name, rates) for name, rates in self.rates.items()]

    def tables(self) -> list[Table]:
        columns = ["", *COLUMNS, "goal with a queue"]
        rows = [row for name, rates in self.rates.items() for row in _rows(name, rates)]
        return [Table("3. Entering and leaving, uncontended, one worker", columns, rows)]


def explained() -> list[str]:
    return [
        f"Medians of {BLOCKS} blocks of {PAIRS} pairs; the blocks of the columns follow each other in turn. The two "
        "bare requests publish and delete; the three also read the entry before, as a release must where sequences are "
        "used twice.",
    ]


def measure(folder: Path) -> Uncontended:
    with stages(folder) as both:
        return Uncontended({stage.name: asyncio.run(_rates(stage)) for stage in both})


async def _rates(stage: Stage) -> dict[str, float]:
    # To make it is a program of its own, which cannot run inside this one.
    polled = await asyncio.to_thread(stage.governor, 1, False)
    lined = await asyncio.to_thread(stage.governor, 1, True)
    # Each over a connection to the node that leads it, so that the election does not decide what is faster.
    async with connected(await stage.leader(polled)) as nc, connected(await stage.leader(lined)) as nc_lined:
        cycles: dict[str, Cycle] = {
            str(Reference(0.25)): lambda: _with(Reference(0.25), nc, polled),
            WITHOUT: lambda: _with(Ours(queue=False), nc, polled),
            WITH: lambda: _with(Ours(queue=True), nc_lined, lined),
            FLOOR: lambda: _bare(nc, polled, reads=False),
            READING_FLOOR: lambda: _bare(nc, polled, reads=True),
        }
        blocks: dict[str, list[float]] = {name: [] for name in cycles}
        for cycle in cycles.values():
            await _block(cycle)  # warm up
        for _each in range(BLOCKS):
            for name, cycle in cycles.items():
                blocks[name].append(await _block(cycle))
    found = {name: median(each) for name, each in blocks.items()}
    told = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in found.items())
    print(f"{stage.name}, uncontended: {told}", flush=True)
    return found


async def _block(cycle: Cycle) -> float:
    began = time.perf_counter()
    for _each in range(PAIRS):
        await cycle()
    return PAIRS / (time.perf_counter() - began)


async def _with(algorithm: Algorithm, nc: Client, governor: str) -> None:
    held = await algorithm.enter(nc, governor, "worker", lambda: None)
    await held.leave()


async def _bare(nc: Client, governor: str, reads: bool) -> None:
    seq = json.loads((await nc.request(campaign_subject(governor), b"worker", 5)).data)["seq"]
    if reads:
        await nc.request(f"$JS.API.STREAM.MSG.GET.{stream_name(governor)}", json.dumps({"seq": seq}).encode(), 5)
    # Without no_erase the server also overwrites the entry on its disk, which neither of the algorithms asks for.
    deletion = json.dumps({"seq": seq, "no_erase": True}).encode()
    await nc.request(f"$JS.API.STREAM.MSG.DELETE.{stream_name(governor)}", deletion, 5)


def _rows(name: str, rates: dict[str, float]) -> list[list[str]]:
    floor, goal = rates[FLOOR], str(_goal(name, rates))
    return [
        [f"{name}: pairs per second", *(f"{rates[column]:,.0f}" for column in COLUMNS), NOTHING],
        [f"{name}: of the floor", *(percent(rates[column] / floor) for column in COLUMNS), goal],
    ]


def _goal(name: str, rates: dict[str, float]) -> Goal:
    share = rates[WITH] / rates[FLOOR]
    return Goal(f"{name}, uncontended: of two bare requests", f">= {GOAL * 100:g} %", percent(share), share >= GOAL)
