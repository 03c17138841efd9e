# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in a queue over one connection: who listens to whether it is still there, and who learns that it is not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import PlaceLost
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.place import Place
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue
from ansible_collections.jetstream.governor.plugins.module_utils.core.urgency import Urgency
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeTime, QueueNats

PULL = "$JS.API.CONSUMER.MSG.NEXT.GOVQUEUE_g.queue"


class Queueing:
    """Places in the queue of governor ``g`` over one connection, on a clock of their own."""

    def __init__(self) -> None:
        self.time, self.nats = FakeTime(), QueueNats()
        connection: Any = self.nats
        self._queue = Queue("g", JetStream(nc=connection, timing=self.time.timing))

    async def joined(self, count: int) -> list[Place]:
        places = [Place(self._queue, Urgency("normal", 600, 0)) for _each in range(count)]
        for each in places:
            await each.join()
        return places

    @property
    def listening(self) -> list[bool]:
        """Of each pull request, whether it asks for heartbeats."""
        pulls = [json.loads(payload) for subject, payload in self.nats.published if subject == PULL]
        return [pull["idle_heartbeat"] > 0 for pull in pulls]


async def ends(place: Place) -> None:
    with pytest.raises(PlaceLost):
        await place.wait(60)


def test_five_of_them_listen() -> None:
    async def body() -> None:
        queueing = Queueing()
        await queueing.joined(8)
        assert queueing.listening == [True] * 5 + [False] * 3

    asyncio.run(body())


def test_when_the_last_who_listens_has_left_the_newest_listens() -> None:
    async def body() -> None:
        queueing = Queueing()
        places = await queueing.joined(8)
        for each in places[:4]:
            await each.leave(used=True)
        assert len(queueing.listening) == 8
        await places[4].leave(used=True)
        assert queueing.listening[8:] == [True]
        # Not again while it does.
        await places[5].leave(used=True)
        await places[6].leave(used=True)
        assert len(queueing.listening) == 9
        # Who comes now may listen too.
        await queueing.joined(1)
        assert queueing.listening[9:] == [True]

    asyncio.run(body())


def test_who_does_not_listen_does_not_mind_silence() -> None:
    async def body() -> None:
        queueing = Queueing()
        places = await queueing.joined(8)
        assert await places[7].wait(60) is False

    asyncio.run(body())


def test_what_one_hears_too_little_of_is_lost_to_all() -> None:
    async def body() -> None:
        queueing = Queueing()
        places = await queueing.joined(8)
        waiting = asyncio.ensure_future(places[7].wait_until(asyncio.get_running_loop().create_future()))
        await ends(places[0])
        assert queueing.time.now == 1009
        with pytest.raises(PlaceLost):
            await asyncio.wait_for(waiting, 5)
        await ends(places[6])
        # They leave one after the other; nobody listens in the stead of another any more.
        for each in places:
            await each.leave(used=False)
        assert len(queueing.listening) == 8

    asyncio.run(body())


def test_who_joins_again_has_nothing_to_do_with_the_places_that_are_gone() -> None:
    async def body() -> None:
        queueing = Queueing()
        places = await queueing.joined(6)
        await ends(places[0])
        [anew] = await queueing.joined(1)
        assert queueing.listening[6:] == [True]
        assert await anew.wait(5) is False

    asyncio.run(body())
