# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to those who wait and work, and to their way to the servers. Each fault returns what it has done."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    EntryGone,
    NoVerdict,
    UnknownGovernor,
)
from ansible_collections.jetstream.governor.tests.soak.history import Trouble
from ansible_collections.jetstream.governor.tests.soak.scene import Scene
from ansible_collections.jetstream.governor.tests.soak.stage import LEASES, STACK
from ansible_collections.jetstream.governor.tests.soak.turns import clock

_LOST = {
    "entry": f'{{"stream":"{STACK}'.encode(),
    "removal": b"stream_msg_delete_response",
    "renewal": f'{{"stream":"{LEASES}'.encode(),
}
"""What the acknowledgement of each contains."""
_LOSES_WITHIN = 3.0


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
    long = [worker.turn for worker in scene.workforce.workers if worker.works and worker.turn is not None]
    # Those of the workforce work for long enough to notice.
    turns = long if long and random.random() < 0.5 else [visit.turn for visit in scene.crowd.visits if visit.works]
    working = [turn for turn in turns if turn.evicted is None]
    if not working:
        return "nobody there to be evicted"
    turn = random.choice(working)
    turn.evicted = clock()
    with contextlib.suppress(EntryGone, NoVerdict, UnknownGovernor):
        await scene.stage.manager.evict(turn.seq)
        turn.evicted_by = clock()
    return f"{turn.holder} evicted"


async def lose_answers(scene: Scene, random: Random) -> str:
    what, times, start = random.choice(sorted(_LOST)), random.choice([1, 1, 2, 4]), clock()
    catches = [proxy.catch(_LOST[what], times) for proxy in scene.stage.proxies]
    await asyncio.sleep(random.uniform(0.5, _LOSES_WITHIN))
    for each in catches:
        each.stop()
    count = sum(each.count for each in catches)
    scene.history.disturbances.append(Trouble("answers lost", start, clock()))
    return f"{count} acknowledgements of {what} lost"


async def silence(scene: Scene, random: Random) -> str:
    """One client is cut off from its node."""
    proxy, seconds, start = random.choice(scene.stage.proxies), random.uniform(1, scene.longest), clock()
    heal = proxy.silence_one(random)
    if heal is None:
        return "no connection to be cut off"
    try:
        await asyncio.sleep(seconds)
    finally:
        heal()
    scene.history.disturbances.append(Trouble("a client cut off", start, clock()))
    return f"a client cut off from its node for {seconds:.1f} s"


async def stop_worker(scene: Scene, random: Random) -> str:
    """A process stands still, in the midst of its work or of its wait."""
    running = [worker for worker in scene.workforce.workers if worker.lives]
    if not running:
        return "no process to be stopped"
    worker, seconds = random.choice(running), random.uniform(1, scene.longest)
    worker.stop()
    try:
        await asyncio.sleep(seconds)
    finally:
        worker.go_on()
    return f"{worker.name} stood still for {seconds:.1f} s"


async def kill_worker(scene: Scene, random: Random) -> str:
    """A process that works, more often than one that waits."""
    working = [worker for worker in scene.workforce.workers if worker.works]
    chosen = random.choice(working or scene.workforce.workers or [None])
    if chosen is None:
        return "no process to be killed"
    await scene.workforce.kill(chosen)
    return f"{chosen.name} killed"
