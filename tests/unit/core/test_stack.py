# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing an entry, when answers get lost on the way: what was done is told as it is, to the line, too."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Optional, cast

import pytest
from nats.errors import ConnectionClosedError

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    EntryGone,
    GovernorError,
    NotOwner,
    NoVerdict,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, FakeTime

READ = "STREAM.MSG.GET.GOVERNOR_g"
DELETE = "STREAM.MSG.DELETE.GOVERNOR_g"


class Scripted(JetStream):
    """Answers calls by a script, in order; each must be the one that the script has next."""

    def __init__(self, *script: tuple[str, Any], nats: Optional[FakeNats] = None) -> None:
        super().__init__(nc=cast("Any", nats or FakeNats()), timing=FakeTime().timing)
        object.__setattr__(self, "script", list(script))

    async def call(self, verb: str, request: Optional[dict[str, Any]] = None, *, what: str) -> dict[str, Any]:
        expected, answer = cast("Any", self).script.pop(0)
        assert verb == expected, f"{what}: {request}"
        if isinstance(answer, GovernorError):
            raise answer
        return cast("dict[str, Any]", answer)


def holding(holder: str, token: str) -> dict[str, Any]:
    block = f"NATS/1.0\r\nGovernor-Token: {token}\r\n\r\n"
    coded = {"data": base64.b64encode(holder.encode()).decode(), "hdrs": base64.b64encode(block.encode()).decode()}
    return {"message": {"seq": 4, "time": "2026-03-01T12:00:00Z", **coded}}


MINE, ANOTHERS = holding("web01", "mine"), holding("web02", "another's")


def remove(*script: tuple[str, Any], nats: Optional[FakeNats] = None) -> Optional[str]:
    """The holder that was removed, or None."""

    def check(entry: Entry) -> None:
        if entry.token != "mine":
            raise NotOwner("not mine")

    js = Scripted(*script, nats=nats)
    found = asyncio.run(Stack("g", js).remove(4, check))
    assert cast("Any", js).script == []
    return found.holder if found else None


def chances(*script: tuple[str, Any]) -> int:
    """How many were raised by the removal."""
    nats = FakeNats()
    remove(*script, nats=nats)
    assert {subject for subject, _payload in nats.published} <= {"$GOVERNOR.line.g"}
    return len(nats.published)


def test_read_compared_and_removed() -> None:
    assert remove((READ, MINE), (DELETE, {"success": True})) == "web01"


def test_gone_before() -> None:
    assert remove((READ, EntryGone("gone"))) is None


def test_gone_between_reading_and_removing() -> None:
    assert remove((READ, MINE), (DELETE, EntryGone("gone"))) is None


def test_anothers_is_not_removed() -> None:
    with pytest.raises(NotOwner):
        remove((READ, ANOTHERS))


def test_the_answer_of_the_reading_got_lost() -> None:
    assert remove((READ, NoVerdict("lost")), (READ, MINE), (DELETE, {"success": True})) == "web01"


def test_the_answer_of_the_removal_got_lost() -> None:
    assert remove((READ, MINE), (DELETE, NoVerdict("lost")), (READ, EntryGone("gone"))) == "web01"


def test_the_removal_itself_got_lost() -> None:
    script = [(READ, MINE), (DELETE, NoVerdict("lost")), (READ, MINE), (DELETE, {"success": True})]
    assert remove(*script) == "web01"


def test_a_removal_that_takes_effect_while_it_is_repeated() -> None:
    """In a cluster the first request may be on its way still: the second then finds nothing, and yet it was us."""
    script = [(READ, MINE), (DELETE, NoVerdict("lost")), (READ, MINE), (DELETE, EntryGone("gone"))]
    assert remove(*script) == "web01"


def test_the_answer_got_lost_and_another_has_the_sequence_since() -> None:
    """The governor was made anew meanwhile: the first request was about the old one, and the new entry stays."""
    assert remove((READ, MINE), (DELETE, NoVerdict("lost")), (READ, ANOTHERS)) == "web01"


def test_a_removal_raises_one_chance() -> None:
    assert chances((READ, MINE), (DELETE, {"success": True})) == 1


def test_a_removal_raises_one_chance_also_when_answers_got_lost() -> None:
    assert chances((READ, MINE), (DELETE, NoVerdict("lost")), (READ, EntryGone("gone"))) == 1
    assert chances((READ, MINE), (DELETE, NoVerdict("lost")), (READ, MINE), (DELETE, {"success": True})) == 1


def test_a_removal_that_found_nothing_raises_no_chance() -> None:
    assert chances((READ, EntryGone("gone"))) == 0
    assert chances((READ, MINE), (DELETE, EntryGone("gone"))) == 0


def test_a_removal_that_was_refused_raises_no_chance() -> None:
    nats = FakeNats()
    with pytest.raises(NotOwner):
        remove((READ, ANOTHERS), nats=nats)
    assert nats.published == []


def test_a_chance_that_cannot_be_raised_does_not_spoil_the_removal() -> None:
    class Closed(FakeNats):
        async def publish(self, *_message: Any, **_more: Any) -> None:
            raise ConnectionClosedError

    assert remove((READ, MINE), (DELETE, {"success": True}), nats=Closed()) == "web01"
