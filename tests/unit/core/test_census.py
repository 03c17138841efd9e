# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is asked how urgent they are, and what is concluded from the answers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Optional, cast

import pytest
from nats.errors import ConnectionClosedError

from ansible_collections.jetstream.governor.plugins.module_utils.core.census import Sign, count_by_priority
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, FakeSubscription

ALL, ANY = "$GOVERNOR.waiting.g.all", "$GOVERNOR.waiting.g.any"


class Asked(FakeNats):
    """A connection on which questions get these answers; None is that the server says that nobody listens."""

    def __init__(self, *answers: Optional[str]) -> None:
        super().__init__()
        self._answers = answers

    async def pulled(self) -> None:
        assert self.receive is not None
        for each in self._answers:
            headers = {"Status": "503"} if each is None else None
            await self.receive(SimpleNamespace(headers=headers, data=(each or "").encode(), reply=""))


def counted(nats: FakeNats, waiting: int, everyone: bool = False) -> Optional[dict[str, int]]:
    js = JetStream(nc=cast(Any, nats))
    counts = asyncio.run(count_by_priority(js, "g", waiting, everyone))
    assert nats.subscribed == []
    return counts


def test_where_nobody_listens_all_are_normal() -> None:
    nats = Asked(None)
    assert counted(nats, 7) == {"urgent": 0, "high": 0, "normal": 7, "low": 0}
    assert nats.published == [(ALL, b"")]


def test_the_others_are_the_rest() -> None:
    assert counted(Asked("low", "urgent low"), 7) == {"urgent": 1, "high": 0, "normal": 4, "low": 2}


def test_those_who_have_left_since_are_not_less_than_nobody() -> None:
    assert counted(Asked("low", "low"), 1) == {"urgent": 0, "high": 0, "normal": 0, "low": 2}


def test_nothing_is_known_where_nobody_answers() -> None:
    assert counted(Asked(), 7) is None


def test_of_many_one_is_asked_whether_there_are_any() -> None:
    nats = Asked("low", "low")
    assert counted(nats, 101) is None
    assert nats.published == [(ANY, b"")]
    assert counted(Asked(None), 101) == {"urgent": 0, "high": 0, "normal": 101, "low": 0}


def test_all_of_many_are_asked_where_that_is_wanted() -> None:
    nats = Asked("low", "low")
    assert counted(nats, 101, everyone=True) == {"urgent": 0, "high": 0, "normal": 99, "low": 2}
    assert nats.published == [(ALL, b"")]


class Closed(FakeNats):
    """A connection that is closed."""

    async def subscribe(self, *_rest: object, **_more: object) -> FakeSubscription:
        raise ConnectionClosedError


def test_without_a_connection_nothing_is_known() -> None:
    assert counted(Closed(), 7) is None


@pytest.mark.parametrize("nats", [FakeNats(), Closed()])
def test_a_sign_is_given_and_taken_back(nats: FakeNats) -> None:
    async def main() -> None:
        js = JetStream(nc=cast(Any, nats))
        sign = Sign(js, "g", "low")
        await sign.give()
        for each in nats.subscribed:
            await each.receive(SimpleNamespace(reply=""))
        await sign.stop()
        await sign.stop()

    asyncio.run(main())
    assert (nats.subscribed, nats.published) == ([], [])


def test_those_over_one_connection_answer_together() -> None:
    """Whoever may only respond may send one answer to each question."""
    nats = FakeNats()

    async def main() -> None:
        js = JetStream(nc=cast(Any, nats))
        signs = [Sign(js, "g", each) for each in ("low", "urgent", "low")]
        for each in signs:
            await each.give()
        await signs[0].stop()
        assert [each.subject for each in nats.subscribed] == [ALL, f"{ANY} any"]
        await nats.subscribed[0].receive(SimpleNamespace(reply="asker"))
        for each in signs:
            await each.stop()

    asyncio.run(main())
    assert (nats.subscribed, nats.published) == ([], [("asker", b"urgent low")])
