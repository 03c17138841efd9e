# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of servers and of the streams on them. Each returns what it has done, in a few words."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from pathlib import Path
from random import Random

from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.soak.history import Limit, Reset
from ansible_collections.jetstream.governor.tests.soak.scene import Scene
from ansible_collections.jetstream.governor.tests.soak.stage import LEASES, QUEUE, STACK, Stage, create
from ansible_collections.jetstream.governor.tests.soak.turns import clock
from ansible_collections.jetstream.governor.tests.support.client import until
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

_APPLIED = 1.0
"""Seconds in which all replicas have heard of a changed limit."""
_STANDS_STILL = 12.0
"""Seconds for which a node stands still at most, in runs too short for more."""


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
    node = await _victim(scene.stage, random)
    seconds = random.uniform(1, max(_STANDS_STILL, scene.longest))
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
    """For a few seconds, and now and then for longer than a lease, and than anybody goes on asking."""
    nodes = random.sample(scene.stage.nodes, random.choice([2, 3]))
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


async def depose_leases(scene: Scene, _random: Random) -> str:
    await scene.stage.told(f"STREAM.LEADER.STEPDOWN.{LEASES}")
    return "the leader of the leases deposed"


async def make_anew(scene: Scene, random: Random) -> str:
    """The governor is deleted in the middle of the work, and made anew."""
    stage, history = scene.stage, scene.history
    place = len(history.resets)
    history.resets.append(Reset(clock(), math.inf))
    await stage.manager.delete(force=True)
    await asyncio.sleep(random.choice([0.0, random.uniform(0, 3)]))
    history.limits.append(Limit(clock(), math.inf, stage.plan.limit))
    await create(stage.plan, stage.admin)
    history.limits[-1] = history.limits[-1]._replace(answered=clock() + _APPLIED)
    history.resets[place] = history.resets[place]._replace(end=clock())
    return "the governor made anew"


async def fill_disk(scene: Scene, random: Random) -> str:
    """Of the last node, which is started again when there is room: it has switched its JetStream off."""
    disk, node = scene.stage.small_disk, scene.stage.nodes[-1]
    if disk is None:
        return "no disk that can be filled"
    waste = disk / "waste"
    try:
        await asyncio.to_thread(_fill, waste)
        await asyncio.sleep(random.uniform(3, 10))
    finally:
        waste.unlink(missing_ok=True)
    await asyncio.to_thread(node.stop, signal.SIGKILL)
    await asyncio.to_thread(node.start)
    return f"the disk of {_name(node)} full"


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(1 << 16))


async def change_limit(scene: Scene, random: Random) -> str:
    """As others do: of the governor's stream, and of that alone."""
    limit = random.randint(1, 2 * scene.stage.plan.limit)
    await _update(scene, {"max_msgs": limit}, limit)
    return f"limit {limit}"


async def pause(scene: Scene, random: Random) -> str:
    """Nobody may enter meanwhile; and whoever resumes the governor dies before it calls those who wait."""
    before, seconds = scene.history.limits[-1].limit, random.uniform(1, 12)
    await _update(scene, {"max_msg_size": 1}, 0)
    await asyncio.sleep(seconds)
    await _update(scene, {"max_msg_size": -1}, before)
    return f"paused for {seconds:.1f} s"


async def _update(scene: Scene, settings: dict[str, int], limit: int) -> None:
    """Change the governor's stream, so that it lets in so many."""
    stage, limits = scene.stage, scene.history.limits

    async def taken() -> bool:
        config = (await stage.told(f"STREAM.INFO.{STACK}")).get("config")
        return config is not None and bool(await stage.told(f"STREAM.UPDATE.{STACK}", {**config, **settings}))

    limits.append(Limit(clock(), math.inf, limit))
    await until(taken, 30, "the governor is changed")
    limits[-1] = limits[-1]._replace(answered=clock() + _APPLIED)


async def _victim(stage: Stage, random: Random) -> NatsServer:
    """One node; the leader of one of the streams more often than others."""
    any_node, leader = random.choice(stage.nodes), random.random() < 0.6
    stream = random.choice([STACK, STACK, QUEUE, LEASES])
    return (await stage.leader(stream) if leader else None) or any_node


async def _stay_away(random: Random) -> None:
    await asyncio.sleep(random.choice([0.0, random.uniform(0, 2), random.uniform(2, 8)]))


def _name(node: NatsServer) -> str:
    return node.folder.name
