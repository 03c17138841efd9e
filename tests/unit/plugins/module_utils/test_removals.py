# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""governor_slot: which slots are released and evicted, and what is said where there are none of those."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Callable, NamedTuple, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils import _slots as slots
from ansible_collections.jetstream.governor.plugins.module_utils._slots import carry_out, evict, release
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue, NotOwner
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state, an_entry


def held(seq: int, holder: str, run_id: Optional[str], host: str = "") -> Entry:
    owner = None if run_id is None else Owner.of(run_id, holder, host)
    return replace(an_entry(seq, holder, 100 - seq), owner=owner)


# Who holds slots of governor g: hosts of two runs, one of them under two names, a run as a whole, and a Go client.
ENTRIES = [
    held(1, "node1", None),
    held(2, "web01", "r", "web01"),
    held(3, "second", "r", "web01"),
    held(4, "web02", "r", "web02"),
    held(5, "web01", "other", "web01"),
    held(6, "shop", "r"),
    held(7, "web01", "workflow 1"),
]


class Done(NamedTuple):
    """The sequences that were released or evicted, and the warnings."""

    seqs: list[int]
    warnings: list[str]


@pytest.fixture
def remove(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Return what runs a governor_slot task of host web01 of run r, as check mode foretells it and as it is done."""

    def run(state: Any, check_mode: bool, entries: list[Entry], params: dict[str, Any], once: bool) -> Done:
        warnings: list[str] = []
        removed: list[int] = []

        async def entry(_stack: Stack, seq: int) -> Optional[Entry]:
            return next((each for each in entries if each.seq == seq), None)

        async def all_entries(_stack: Stack) -> list[Entry]:
            return entries

        async def remove_one(stack: Stack, seq: int, check: Callable[[Entry], None]) -> Optional[Entry]:
            found = await entry(stack, seq)
            if found is not None:
                check(found)
                removed.append(seq)
            return found

        async def load(*_what: Any) -> Any:
            async def refresh() -> None:
                manager.state = a_state(active=len(entries) - len(removed), limit=9)

            manager = SimpleNamespace(limit=9, state=a_state(active=len(entries), limit=9), refresh=refresh)
            manager.stack = Stack("g", cast(Any, None))
            return manager

        monkeypatch.setattr(slots, "load_or_predict", load)
        monkeypatch.setattr(Stack, "entry", entry)
        monkeypatch.setattr(Stack, "entries", all_entries)
        monkeypatch.setattr(Stack, "delete", remove_one)
        given = params.get("run_id")
        play = {"run_id": given or "r", "host": "" if given or once else "web01"}
        defaults = {"holder": None, "run_id": None, "seq": None, "interval": None, "backoff": None}
        urgency = {"priority": "normal", "ageing": "10m"}
        more = {"wait_timeout": "5m", "on_timeout": "fail", "guard": "fail"}
        facts = {"strategy": "linear", "batch": 1, "forks": 5, "throttle": 0}
        module = SimpleNamespace(
            params={"governor": "g", **defaults, **urgency, **more, **params, "play": {**play, **facts}},
            check_mode=check_mode,
            warn=warnings.append,
        )
        result = asyncio.run(carry_out(state, module, JetStream(nc=cast("Any", None))))
        seqs = [each["seq"] for each in result["released" if state is release else "evicted"]]
        assert (result["changed"], result["acquired"]) == (bool(seqs), False)
        assert result["active"] == len(entries) - len(seqs)
        assert removed == ([] if check_mode else seqs)
        return Done(seqs, warnings)

    def both(state: Any, entries: Optional[list[Entry]] = None, once: bool = False, **params: Any) -> Done:
        there = ENTRIES if entries is None else entries
        foretold = run(state, True, there, params, once)
        done = run(state, False, there, params, once)
        assert foretold == (done.seqs, [])
        return done

    return both


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [2, 3]),
        ({"holder": ""}, [2, 3]),
        ({"holder": "web01"}, [2]),
        ({"once": True}, [6]),
        ({"once": True, "holder": "shop"}, [6]),
        ({"run_id": "workflow 1"}, [7]),
        ({"run_id": "r"}, [2, 3, 4, 6]),
        ({"run_id": "r", "holder": "web02"}, [4]),
        ({"seq": 3}, [3]),
        ({"seq": 3, "holder": "second"}, [3]),
        ({"seq": 4, "run_id": "r"}, [4]),
        ({"seq": 99}, []),
    ],
)
def test_what_is_released(remove: Callable[..., Done], given: dict[str, Any], expected: list[int]) -> None:
    assert remove(release, **given) == (expected, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seq": 1}, "'node1' (it carries no owner, as entries of Go clients), not by host 'web01' of run 'r'"),
        ({"seq": 4}, "'web02' (host 'web02' of run 'r'), not by host 'web01' of run 'r'"),
        ({"seq": 6}, "'shop' (the whole run 'r'), not by host 'web01' of run 'r'"),
        ({"seq": 3, "holder": "a"}, "'second' (host 'web01' of run 'r'), not by host 'web01' of run 'r', holder 'a'"),
        ({"seq": 2, "once": True}, "'web01' (host 'web01' of run 'r'), not by the whole run 'r'"),
        ({"seq": 5, "run_id": "r"}, "'web01' (host 'web01' of run 'other'), not by run 'r'"),
    ],
)
def test_a_sequence_of_somebody_else_is_not_released(
    remove: Callable[..., Done], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotOwner) as caught:
        remove(release, **given)
    assert f"is held by {said}: it was not freed." in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seq": 5}, [5]),
        ({"holder": "web01"}, [2, 5, 7]),
        ({"run_id": "r"}, [2, 3, 4, 6]),
        ({"run_id": "other", "holder": "web01"}, [5]),
        ({"run_id": "workflow 1", "seq": 7, "holder": "web01"}, [7]),
        ({"seq": 99}, []),
        ({"seq": 99, "holder": "web01"}, []),
        ({"holder": "web03"}, []),
        ({"run_id": "workflow 2"}, []),
    ],
)
def test_what_is_evicted(remove: Callable[..., Done], given: dict[str, Any], expected: list[int]) -> None:
    assert remove(evict, **given) == (expected, [])


@pytest.mark.parametrize("given", [{}, {"once": True}, {"holder": "", "run_id": ""}])
def test_an_eviction_of_nobody_in_particular_is_refused(remove: Callable[..., Done], given: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        remove(evict, **given)
    assert str(caught.value) == (
        "state: evicted takes slots away from whoever holds them, so it needs seq, holder or run_id to say which; "
        "where several are given, a slot must have all of them."
    )


@pytest.mark.parametrize(
    ("given", "asker"),
    [
        ({"seq": 5, "holder": "web02"}, "holder 'web02'"),
        ({"seq": 5, "run_id": "r"}, "run 'r'"),
        ({"seq": 5, "run_id": "r", "holder": "web01"}, "run 'r', holder 'web01'"),
    ],
)
def test_a_sequence_that_has_not_all_that_was_given_is_not_evicted(
    remove: Callable[..., Done], given: dict[str, Any], asker: str
) -> None:
    with pytest.raises(NotOwner, match=rf"of run 'other'\), not by {asker}: it was not freed\. .+ sequence alone\.$"):
        remove(evict, **given)


HELD_BY = (
    "so none was released. Its slots are held by 'node1' (it carries no owner, as entries of Go clients), 'web01' "
    "(host 'web01' of run 'r'), 'second' (host 'web01' of run 'r'), 'web02' (host 'web02' of run 'r'), 'web01' (host "
    "'web01' of run 'other') and 2 more."
)


@pytest.mark.parametrize(
    ("given", "sought"),
    [
        ({"holder": "web02"}, "host 'web01' of run 'r', holder 'web02'"),
        ({"holder": "web02", "once": True}, "the whole run 'r', holder 'web02'"),
        ({"run_id": "workflow 2"}, "run 'workflow 2'"),
        ({"run_id": "workflow 1", "holder": "shop"}, "run 'workflow 1', holder 'shop'"),
    ],
)
def test_a_release_that_finds_nothing_says_who_holds(
    remove: Callable[..., Done], given: dict[str, Any], sought: str
) -> None:
    assert remove(release, **given) == ([], [f"Governor 'g' has no slot of {sought}, {HELD_BY}"])


def test_a_host_that_looks_for_the_slot_of_its_whole_run(remove: Callable[..., Done]) -> None:
    """It was acquired with run_once and is released without, or the other way round."""
    whole, host = [held(6, "shop", "r")], [held(2, "web01", "r", "web01")]
    assert remove(release, whole).warnings == [
        "Governor 'g' has no slot of host 'web01' of run 'r', so none was released. Its slots are held by 'shop' (the "
        "whole run 'r')."
    ]
    assert len(remove(release, host, once=True).warnings) == 1


@pytest.mark.parametrize(
    ("entries", "given"),
    [
        # Nobody holds anything, or only others do and nobody was named: released already, or never taken.
        ([], {"holder": "web01"}),
        ([held(4, "web02", "r", "web02"), held(5, "web01", "other", "web01"), held(1, "node1", None)], {}),
        ([held(8, "shop", "other")], {}),
    ],
)
def test_what_is_gone_already_is_no_surprise(
    remove: Callable[..., Done], entries: list[Entry], given: dict[str, Any]
) -> None:
    assert remove(release, entries, **given) == ([], [])
