# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Workers in processes of their own: each that was killed is followed by another."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, UnknownGovernor
from ansible_collections.jetstream.governor.tests.soak.history import History, Orphan, Turn
from ansible_collections.jetstream.governor.tests.soak.plan import LEASE
from ansible_collections.jetstream.governor.tests.soak.stage import GOVERNOR, Stage
from ansible_collections.jetstream.governor.tests.soak.turns import clock

_PROCESSES = 4
_HOLD = 1.5 * LEASE
"""Seconds for which the longest of their work takes."""
_LONGEST_LINE = 1 << 20
_UNDERWAY = 0.5
"""Seconds in which what a process had sent before its death has arrived."""
_LOOKS = 0.25
_STOP = 15.0

_MODULE = "ansible_collections.jetstream.governor.tests.soak.worker"
_OURS = ("killed", "evicted", "evicted_by", "stills")
"""What is written down of its turns here."""


class Worker:
    """One process, and the ``turn`` that it takes, as it has last told."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, history: History) -> None:
        self.name = name
        self.turn: Turn | None = None
        self.stopped: float | None = None
        self._process = process
        self._history = history

    @property
    def works(self) -> bool:
        return self.turn is not None and self.turn.began is not None and self.turn.ended is None

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        self.stopped = clock()

    def go_on(self) -> None:
        """Nothing that it does can be earlier than this moment."""
        assert self.stopped is not None
        if self.turn is not None:
            self.turn.stills.append((self.stopped, clock()))
        self.stopped = None
        if self.lives:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> Turn | None:
        """The turn that it was in."""
        if self.lives:
            self._process.kill()
        turn = self.turn
        if turn is None or turn.over <= clock():
            return None
        turn.killed = clock()
        return turn

    def close(self) -> None:
        """Let it end after its turn."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def reads(self) -> None:
        """Write down what it tells, until it ends."""
        assert self._process.stdout is not None
        while (line := await self._process.stdout.readline()).endswith(b"\n"):
            self._take(json.loads(line))
        await self._process.wait()

    def _take(self, told: dict[str, Any]) -> None:
        if "reaped" in told:
            self._history.reaped[told["reaped"]] = told["at"]
            return
        values = told["turn"]
        if self.turn is None or self.turn.holder != values["holder"]:
            self.turn = Turn(values["holder"], values["asked"])
            self._history.turns.append(self.turn)
        for key, value in values.items():
            if key not in _OURS:
                setattr(self.turn, key, value)


class Workforce:
    """At work from the beginning; ``ends`` has them end after their turns. The dead are watched until all is over."""

    def __init__(self, stage: Stage, history: History) -> None:
        self.workers: list[Worker] = []
        self._stage = stage
        self._history = history
        self._closing = False
        self._stopped = False
        self._keeping = [asyncio.ensure_future(self._keep(number)) for number in range(_PROCESSES)]
        self._watching: list[asyncio.Future[None]] = []

    async def ends(self, within: float) -> None:
        self._closing = True
        for worker in self.workers:
            worker.close()
        done, _left = await asyncio.wait(self._keeping, timeout=within)
        self._history.broken += [f"a process: {error!r}" for each in done if (error := each.exception())]

    async def stop(self) -> None:
        """Kill what is still there, and leave the dead to themselves."""
        self._closing = self._stopped = True
        for worker in self.workers:
            worker.kill()
        _done, left = await asyncio.wait([*self._keeping, *self._watching], timeout=_STOP)
        for each in left:
            each.cancel()

    async def kill(self, worker: Worker) -> None:
        """Kill one, and see when its entry has gone, if it had one: perhaps it knew nothing of that itself."""
        turn = worker.kill()
        if turn is not None:
            self._watching.append(asyncio.ensure_future(self._watch(turn)))

    async def _keep(self, number: int) -> None:
        life = 0
        while not self._closing:
            life += 1
            worker = await self._start(f"process {number} life {life}", number)
            self.workers.append(worker)
            if self._closing:
                worker.close()
            await worker.reads()
            self.workers.remove(worker)

    async def _start(self, name: str, number: int) -> Worker:
        urls = [proxy.url for proxy in self._stage.proxies]
        shift = number % len(urls)
        settings = {
            "name": name,
            "seed": self._stage.plan.seed,
            "governor": GOVERNOR,
            "urls": urls[shift:] + urls[:shift],
            "hold": _HOLD,
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, json.dumps(settings), stdin=pipe, stdout=pipe, limit=_LONGEST_LINE
        )
        return Worker(name, process, self._history)

    async def _watch(self, turn: Turn) -> None:
        assert turn.killed is not None
        await asyncio.sleep(_UNDERWAY)
        stack, orphans = self._stage.manager.stack, self._history.orphans
        entry = await self._told(lambda: stack.find(lambda each: each.holder == turn.holder))
        if entry is None or entry.token is None:
            return
        place, seq, token = len(orphans), entry.seq, entry.token
        orphans.append(Orphan(turn.holder, turn.killed, math.inf))
        while True:
            if await self._told(lambda: stack.entry_of(seq, token)) is None:
                break
            await asyncio.sleep(_LOOKS)
        if not self._stopped:
            orphans[place] = orphans[place]._replace(gone=clock())

    async def _told(self, reading: Callable[[], Awaitable[Entry | None]]) -> Entry | None:
        """What the servers say as soon as they are in order; None where the governor and its entries have gone."""
        while not self._stopped:
            try:
                return await reading()
            except UnknownGovernor:
                return None
            except GovernorError:
                await asyncio.sleep(_LOOKS)
        return None


@asynccontextmanager
async def workforce(stage: Stage, history: History) -> AsyncIterator[Workforce]:
    people = Workforce(stage, history)
    try:
        yield people
    finally:
        await people.stop()
