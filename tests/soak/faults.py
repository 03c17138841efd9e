# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong in a run: a table of faults, each drawn and carried out by random numbers from the seed.

Two series go on at the same time: faults of servers, one after the other and each until the servers are in order again;
and what happens to clients, at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import NamedTuple

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import EntryGone, GovernorError, NoVerdict
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.soak.crowd import Crowd
from ansible_collections.jetstream.governor.tests.soak.history import History, Limit, Trouble
from ansible_collections.jetstream.governor.tests.soak.stage import QUEUE, STACK, Stage
from ansible_collections.jetstream.governor.tests.support.client import until
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

clock = time.monotonic

_BOUND = 90.0
"""Seconds for one fault, until the servers are in order again."""
_APPLIED = 1.0
"""Seconds in which all replicas have heard of a changed limit."""


class Scene(NamedTuple):
    """What a fault may break, and where it is written down."""

    stage: Stage
    crowd: Crowd
    history: History
    tell: Callable[[str], None]


class Fault(NamedTuple):
    """``act`` returns what it has done, in a few words. ``nodes`` and ``replicas``: it takes so many."""

    weight: int
    act: Callable[[Scene, Random], Awaitable[str]]
    nodes: int = 1
    replicas: int = 1


# -- faults of servers


async def kill(scene: Scene, random: Random) -> str:
    node = await _victim(scene.stage, random)
    await asyncio.to_thread(node.stop, signal.SIGKILL)
    await _stay_away(random)
    await asyncio.to_thread(node.start)
    return f"{_name(node)} killed"


async def restart(scene: Scene, random: Random) -> str:
    node = await _victim(scene.stage, random)
    await asyncio.to_thread(node.stop)
    await _stay_away(random)
    await asyncio.to_thread(node.start)
    return f"{_name(node)} restarted"


async def stand_still(scene: Scene, random: Random) -> str:
    node, seconds = await _victim(scene.stage, random), random.uniform(1, 12)
    node.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    node.signal(signal.SIGCONT)
    return f"{_name(node)} stood still for {seconds:.1f} s"


async def isolate(scene: Scene, random: Random) -> str:
    node, seconds = await _victim(scene.stage, random), random.uniform(2, 14)
    scene.stage.routes.isolate(scene.stage.nodes.index(node))
    await asyncio.sleep(seconds)
    scene.stage.routes.heal()
    return f"{_name(node)} isolated for {seconds:.1f} s"


async def lose_quorum(scene: Scene, random: Random) -> str:
    """For a few seconds, and now and then for longer than anybody goes on asking."""
    nodes = random.sample(scene.stage.nodes, 2)
    seconds = random.choice([random.uniform(2, 6), random.uniform(2, 6), random.uniform(15, 25)])
    for node in nodes:
        node.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    for node in nodes:
        node.signal(signal.SIGCONT)
    return f"{' and '.join(map(_name, nodes))} stood still for {seconds:.1f} s"


async def depose_stack(scene: Scene, _random: Random) -> str:
    await scene.stage.told(f"STREAM.LEADER.STEPDOWN.{STACK}")
    return "the leader of the governor's stream deposed"


async def depose_queue(scene: Scene, random: Random) -> str:
    if random.random() < 0.5:
        await scene.stage.told(f"STREAM.LEADER.STEPDOWN.{QUEUE}")
        return "the leader of the queue deposed"
    await scene.stage.told(f"CONSUMER.LEADER.STEPDOWN.{QUEUE}.{CONSUMER}")
    return "the leader of the queue's consumer deposed"


async def change_limit(scene: Scene, random: Random) -> str:
    """As others do: of the governor's stream, and of that alone."""
    stage, limits = scene.stage, scene.history.limits
    limit = random.randint(1, 2 * stage.plan.limit)

    async def taken() -> bool:
        config = (await stage.told(f"STREAM.INFO.{STACK}")).get("config")
        return config is not None and bool(await stage.told(f"STREAM.UPDATE.{STACK}", {**config, "max_msgs": limit}))

    limits.append(Limit(clock(), math.inf, limit))
    await until(taken, 30, "the limit is changed")
    limits[-1] = limits[-1]._replace(answered=clock() + _APPLIED)
    return f"limit {limit}"


async def _victim(stage: Stage, random: Random) -> NatsServer:
    """One node; the leader of the governor's stream more often than others."""
    any_node, leader = random.choice(stage.nodes), random.random() < 0.5
    return (await stage.leader() if leader else None) or any_node


async def _stay_away(random: Random) -> None:
    await asyncio.sleep(random.choice([0.0, random.uniform(0, 2), random.uniform(2, 8)]))


def _name(node: NatsServer) -> str:
    return node.folder.name


# -- what happens to clients


async def cut(scene: Scene, random: Random) -> str:
    proxies, count = scene.stage.proxies, 0
    for _each in range(random.choice([1, 1, 2, 6])):
        count += any(proxy.cut_one(random) for proxy in random.sample(proxies, len(proxies)))
    return f"{count} connections cut"


async def cancel_waiters(scene: Scene, random: Random) -> str:
    """Each once, or twice."""
    waiting = [visit.task for visit in scene.crowd.visits if visit.waits and visit.task is not None]
    chosen = random.sample(waiting, min(len(waiting), random.choice([1, 1, 3])))
    twice = random.random() < 0.5
    for task in chosen:
        task.cancel()
    if twice:
        await asyncio.sleep(random.choice([random.uniform(0, 0.02), random.uniform(0, 1)]))
        for task in chosen:
            task.cancel()
    return f"{len(chosen)} waiters cancelled{' twice' if twice else ''}"


async def cancel_releases(scene: Scene, random: Random) -> str:
    working = [visit for visit in scene.crowd.visits if visit.works]
    for visit in working:
        visit.cut_release = random.choice([0.0, random.uniform(0, 0.01), random.uniform(0, 0.1)])
    return f"{len(working)} releases to be cancelled"


async def evict(scene: Scene, random: Random) -> str:
    working = [visit.turn for visit in scene.crowd.visits if visit.works and visit.turn.evicted is None]
    if not working:
        return "nobody there to be evicted"
    turn = random.choice(working)
    turn.evicted = clock()
    with contextlib.suppress(EntryGone, NoVerdict):
        await scene.stage.manager.evict(turn.seq)
    return f"{turn.holder} evicted"


# -- the tables

OF_SERVERS = (
    Fault(4, kill),
    Fault(3, restart),
    Fault(4, stand_still),
    Fault(2, change_limit),
    Fault(4, isolate, nodes=3),
    Fault(2, lose_quorum, nodes=3),
    Fault(3, depose_stack, replicas=3),
    Fault(2, depose_queue, replicas=3),
)
OF_CLIENTS = (Fault(4, cut), Fault(4, cancel_waiters), Fault(3, cancel_releases), Fault(2, evict))

_PAUSE_OF_SERVERS = 8.0
_PAUSE_OF_CLIENTS = 2.0


async def break_things(scene: Scene, until_moment: float) -> None:
    """Both series, until then; the last fault is over when this returns."""
    seed = scene.stage.plan.seed
    await asyncio.gather(
        _series(scene, OF_SERVERS, Random(f"{seed} servers"), _PAUSE_OF_SERVERS, until_moment),
        _series(scene, OF_CLIENTS, Random(f"{seed} clients"), _PAUSE_OF_CLIENTS, until_moment),
    )


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
