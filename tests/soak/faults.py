# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong in a run: tables of faults, each drawn and carried out by random numbers from the seed.

Three series go on at the same time: faults of servers, one after the other and each until the servers are in order
again; what happens to clients, at any moment; and what takes holders away for long.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from random import Random
from typing import NamedTuple

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.tests.soak import client_faults, server_faults
from ansible_collections.jetstream.governor.tests.soak.history import Trouble
from ansible_collections.jetstream.governor.tests.soak.scene import Scene
from ansible_collections.jetstream.governor.tests.soak.turns import clock
from ansible_collections.jetstream.governor.tests.support.client import until

_BOUND = 90.0
"""Seconds for one fault, until the servers are in order again."""


class Fault(NamedTuple):
    """``act`` returns what it has done, in a few words. ``nodes`` and ``replicas``: it takes so many."""

    weight: int
    act: Callable[[Scene, Random], Awaitable[str]]
    nodes: int = 1
    replicas: int = 1


OF_SERVERS = (
    Fault(4, server_faults.kill),
    Fault(3, server_faults.restart),
    Fault(4, server_faults.stand_still),
    Fault(2, server_faults.change_limit),
    Fault(2, server_faults.pause),
    Fault(1, server_faults.make_anew),
    Fault(4, server_faults.isolate, nodes=3),
    Fault(2, server_faults.lose_quorum, nodes=3),
    Fault(1, server_faults.fill_disk, nodes=3),
    Fault(2, server_faults.depose_stack, replicas=3),
    Fault(2, server_faults.depose_queue, replicas=3),
    Fault(2, server_faults.depose_leases, replicas=3),
)
OF_CLIENTS = (
    Fault(4, client_faults.cut),
    Fault(4, client_faults.cancel_waiters),
    Fault(3, client_faults.cancel_releases),
    Fault(2, client_faults.evict),
    Fault(3, client_faults.lose_answers),
)
OF_HOLDERS = (Fault(4, client_faults.kill_worker), Fault(3, client_faults.stop_worker), Fault(2, client_faults.silence))

_PAUSE_OF_SERVERS = 8.0
_PAUSE_OF_CLIENTS = 2.0
_PAUSE_OF_HOLDERS = 6.0


async def break_things(scene: Scene, until_moment: float) -> None:
    """All series, until then; the last fault is over when this returns. Then a holder dies whose slot is handed on in
    peace.
    """
    seed = scene.stage.plan.seed
    await asyncio.gather(
        _series(scene, OF_SERVERS, Random(f"{seed} servers"), _PAUSE_OF_SERVERS, until_moment),
        _series(scene, OF_CLIENTS, Random(f"{seed} clients"), _PAUSE_OF_CLIENTS, until_moment),
        _series(scene, OF_HOLDERS, Random(f"{seed} holders"), _PAUSE_OF_HOLDERS, until_moment),
    )
    await _carry_out(scene, Fault(1, client_faults.kill_worker), Random(f"{seed} last"), of_servers=False)


async def _series(scene: Scene, table: tuple[Fault, ...], random: Random, pause: float, until_moment: float) -> None:
    plan = scene.stage.plan
    faults = [fault for fault in table if fault.nodes <= plan.nodes and fault.replicas <= plan.replicas]
    weights = [fault.weight for fault in faults]
    while not scene.history.broken:
        # The same numbers for each fault, however many it uses itself: so the series is the seed's alone.
        wait, (fault,), own = random.uniform(0, pause), random.choices(faults, weights), Random(random.random())
        if clock() + wait >= until_moment:
            return
        await asyncio.sleep(wait)
        await _carry_out(scene, fault, own, table is OF_SERVERS)


async def _carry_out(scene: Scene, fault: Fault, random: Random, of_servers: bool) -> None:
    history, start = scene.history, clock()
    what = fault.act.__name__.replace("_", " ")
    try:
        what = await asyncio.wait_for(fault.act(scene, random), _BOUND)
        if of_servers:
            await until(scene.stage.in_order, _BOUND, "the servers are in order again")
    except (AssertionError, asyncio.TimeoutError, subprocess.TimeoutExpired, GovernorError) as error:
        history.broken.append(f"{what}, {history.at(start)}: {type(error).__name__} {error}")
    if of_servers:
        history.troubles.append(Trouble(what, start, clock()))
    scene.tell(f"{history.at(start)}, {clock() - start:.1f} s: {what}")
    history.faults += 1
