# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing an entry, when answers get lost on the way: what was done is told as it is, to the queue, too."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Optional, cast

import pytest
from nats.errors import ConnectionClosedError

from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Desired, plan_change
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import (
    EntryGone,
    NotOwner,
    NotSent,
    NoVerdict,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import UNIQUE_FROM, Stack
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import FakeNats, FakeTime

READ = "STREAM.MSG.GET.GOVERNOR_g"
DELETE = "STREAM.MSG.DELETE.GOVERNOR_g"
LOOK = "STREAM.INFO.GOVERNOR_g"


class Scripted(JetStream):
    """Answers calls by a script, in order; each must be the one that the script has next."""

    def __init__(self, *script: tuple[str, Any], nats: Optional[FakeNats] = None) -> None:
        super().__init__(nc=cast("Any", nats or FakeNats()), timing=FakeTime().timing)
        object.__setattr__(self, "script", list(script))

    async def call(self, verb: str, request: Optional[dict[str, Any]] = None, *, what: str) -> dict[str, Any]:
        expected, answer = cast("Any", self).script.pop(0)
        assert verb == expected, f"{what}: {request}"
        if isinstance(answer, BaseException):
            raise answer
        return cast("dict[str, Any]", answer)


def holding(holder: str, token: str) -> dict[str, Any]:
    block = f"NATS/1.0\r\nGovernor-Token: {token}\r\n\r\n"
    coded = {"data": base64.b64encode(holder.encode()).decode(), "hdrs": base64.b64encode(block.encode()).decode()}
    return {"message": {"seq": 4, "time": "2026-03-01T12:00:00Z", **coded}}


def told_by(*replicas: dict[str, Any]) -> dict[str, Any]:
    """The state of a governor, from a leader that has these replicas."""
    state = {"messages": 1, "last_seq": 4, "first_ts": "2026-03-01T12:00:00Z", "last_ts": "2026-03-01T12:00:00Z"}
    return {
        "config": plan_change(
            "g", None, Desired(limit=1, max_age=60.0, replicas=len(replicas) + 1), ""
        ).after.to_stream(),
        "state": state,
        "created": "2026-03-01T12:00:00Z",
        "ts": "2026-03-01T12:00:00Z",
        "cluster": {"name": "c", "leader": "n0", "replicas": list(replicas)},
    }


def replica(seconds: float, current: bool = True, **more: Any) -> dict[str, Any]:
    """One that was heard of so many seconds ago."""
    return {"name": "n", "current": current, "active": round(seconds * 1e9), **more}


ALONE = (LOOK, told_by())
NEAR = (LOOK, told_by(replica(0.1), replica(9)))
"""It is in touch with itself and one more: two of three."""
CUT_OFF = (LOOK, told_by(replica(4.8), replica(7.3)))
MINE, ANOTHERS = holding("web01", "mine"), holding("web02", "another's")


def remove(*script: tuple[str, Any], nats: Optional[FakeNats] = None) -> Optional[str]:
    """The holder that was removed, or None."""

    def check(entry: Entry) -> None:
        if entry.token != "mine":
            raise NotOwner("not mine")

    js = Scripted(*script, nats=nats)
    found = asyncio.run(Stack("g", js).delete(4, check))
    assert cast("Any", js).script == []
    return found.holder if found else None


def wake_ups(*script: tuple[str, Any]) -> int:
    """How many were sent by the removal."""
    nats = FakeNats()
    remove(*script, nats=nats)
    assert {subject for subject, _payload in nats.published} <= {"$GOVERNOR.queue.g"}
    return len(nats.published)


def test_read_compared_and_removed() -> None:
    assert remove((READ, MINE), (DELETE, {"success": True})) == "web01"


def test_gone_before() -> None:
    assert remove((READ, EntryGone("gone")), NEAR, (READ, EntryGone("gone"))) is None


def test_gone_from_a_governor_of_one_replica() -> None:
    assert remove((READ, EntryGone("gone")), ALONE) is None


def test_what_a_deposed_leader_has_not_heard_of_is_found_by_its_successor() -> None:
    assert remove((READ, EntryGone("gone")), NEAR, (READ, MINE), (DELETE, {"success": True})) == "web01"
    assert remove((READ, ANOTHERS), NEAR, (READ, MINE), (READ, MINE), (DELETE, {"success": True})) == "web01"


def test_what_a_leader_that_is_cut_off_does_not_know_is_not_gone() -> None:
    gone = EntryGone("gone")
    assert remove((READ, gone), CUT_OFF, (READ, gone), CUT_OFF, (READ, MINE), (DELETE, {"success": True})) == "web01"


def test_what_a_leader_that_is_cut_off_says_of_another_is_no_verdict() -> None:
    assert remove((READ, ANOTHERS), CUT_OFF, (READ, MINE), (DELETE, {"success": True})) == "web01"


@pytest.mark.parametrize(
    "replicas",
    [
        [replica(2.0), replica(2.0)],
        [replica(0.0, current=False), replica(3.0)],
        [replica(0.1, offline=True), replica(3.0)],
        [replica(0.1), replica(3.0), replica(3.0), replica(3.0)],
    ],
)
def test_who_is_not_in_touch_with_a_majority(replicas: list[dict[str, Any]]) -> None:
    assert State.from_info(told_by(*replicas)).in_touch is False


@pytest.mark.parametrize("replicas", [[], [replica(1.9), replica(60)], [replica(0.1), replica(0.1), replica(9)]])
def test_who_is_in_touch_with_a_majority(replicas: list[dict[str, Any]]) -> None:
    assert State.from_info(told_by(*replicas)).in_touch is True


def test_gone_between_reading_and_removing() -> None:
    assert remove((READ, MINE), (DELETE, EntryGone("gone"))) is None


def test_anothers_is_not_removed() -> None:
    with pytest.raises(NotOwner):
        remove((READ, ANOTHERS), NEAR, (READ, ANOTHERS))


def test_the_answer_of_the_reading_got_lost() -> None:
    assert remove((READ, NoVerdict("lost")), (READ, MINE), (DELETE, {"success": True})) == "web01"


def test_the_answer_of_the_removal_got_lost() -> None:
    assert remove((READ, MINE), (DELETE, NoVerdict("lost")), (READ, EntryGone("gone")), ALONE) == "web01"


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


def test_a_removal_that_was_not_sent_has_removed_nothing() -> None:
    """It has expired, or was evicted, while the server was away."""
    assert remove((READ, MINE), (DELETE, NotSent("lost")), (READ, EntryGone("gone")), ALONE) is None


def test_a_removal_sends_one_wake_up() -> None:
    assert wake_ups((READ, MINE), (DELETE, {"success": True})) == 1


def test_a_removal_sends_one_wake_up_also_when_answers_got_lost() -> None:
    assert wake_ups((READ, MINE), (DELETE, NoVerdict("lost")), (READ, EntryGone("gone")), ALONE) == 1
    assert wake_ups((READ, MINE), (DELETE, NoVerdict("lost")), (READ, MINE), (DELETE, {"success": True})) == 1


def test_a_removal_that_found_nothing_wakes_nobody() -> None:
    assert wake_ups((READ, EntryGone("gone")), ALONE) == 0
    assert wake_ups((READ, MINE), (DELETE, EntryGone("gone"))) == 0


def test_a_removal_that_was_refused_wakes_nobody() -> None:
    nats = FakeNats()
    with pytest.raises(NotOwner):
        remove((READ, ANOTHERS), NEAR, (READ, ANOTHERS), nats=nats)
    assert nats.published == []


def test_a_wake_up_that_cannot_be_sent_does_not_spoil_the_removal() -> None:
    class Closed(FakeNats):
        async def publish(self, *_message: Any, **_more: Any) -> None:
            raise ConnectionClosedError

    assert remove((READ, MINE), (DELETE, {"success": True}), nats=Closed()) == "web01"


def given_back(*script: tuple[str, Any], seq: int = UNIQUE_FROM, version: tuple[int, int, int] = (2, 11, 0)) -> bool:
    nats = FakeNats(version)
    js = Scripted(*script, nats=nats)
    done = asyncio.run(Stack("g", js).delete_own(seq, "mine"))
    assert cast("Any", js).script == []
    assert len(nats.published) == done
    return done


def test_a_sequence_that_is_never_used_twice_is_given_back_without_reading_it() -> None:
    assert given_back((DELETE, {"success": True})) is True
    assert given_back((DELETE, EntryGone("gone"))) is False


def test_giving_back_when_answers_get_lost() -> None:
    lost = (DELETE, NoVerdict("lost"))
    assert given_back(lost, (DELETE, {"success": True})) is True
    assert given_back(lost, (DELETE, EntryGone("gone"))) is True


def test_what_was_not_sent_has_given_nothing_back() -> None:
    """It has expired, or was evicted, while the server was away."""
    assert given_back((DELETE, NotSent("the connection is lost")), (DELETE, EntryGone("gone"))) is False


@pytest.mark.parametrize("then", [{"success": True}, EntryGone("gone")])
def test_a_release_that_is_cancelled_is_done_once_more_and_tells_the_queue(then: Any) -> None:
    """The first request may have removed the entry or not: either way the slot is free now."""
    nats = FakeNats()
    for seq, reading in ((UNIQUE_FROM, []), (4, [(READ, MINE)])):
        js = Scripted(*reading, (DELETE, asyncio.CancelledError()), *reading, (DELETE, then), nats=nats)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(Stack("g", js).delete_own(seq, "mine"))
        assert cast("Any", js).script == []
    assert nats.count("$GOVERNOR.queue.g") == 2


def test_what_is_gone_after_a_try_without_an_answer_is_given_back() -> None:
    js = Scripted((DELETE, EntryGone("gone")))
    assert asyncio.run(Stack("g", js).delete_own(UNIQUE_FROM, "mine", in_doubt=True)) is True


def test_any_other_sequence_is_read_before_it_is_given_back() -> None:
    assert given_back((READ, MINE), (DELETE, {"success": True}), seq=4) is True
    with pytest.raises(NotOwner):
        given_back((READ, ANOTHERS), NEAR, (READ, ANOTHERS), seq=4)


def test_servers_that_break_over_sequences_to_come_are_asked_for_none() -> None:
    """nats-server 2.10 resets a replicated stream then, which may have been made anew to count from 1."""
    assert given_back((READ, EntryGone("gone")), ALONE, version=(2, 10, 26)) is False
