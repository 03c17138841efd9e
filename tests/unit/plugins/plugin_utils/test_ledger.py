# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
from typing import Any, Optional

from ansible_collections.jetstream.governor.plugins.plugin_utils._ledger import GOVERNED, JOBS, SLOT, Event, Ledger

RUN = "ctl-1"


def acquired(seq: int, host: str = "h1", run_id: str = RUN, **more: Any) -> dict[str, Any]:
    slot = {"governor": "up", "seq": seq, "holder": host, "run_id": run_id, "host": host}
    return {"acquired": True, "slot": slot, "waited": 1.25, **more}


def event(action: str, result: dict[str, Any], args: dict[str, Any] | None = None, host: str = "h1") -> Event:
    return Event(action, host, "a task", {"governor": "up", **(args or {})}, result)


def release(
    seq: int, held: float = 3.0, state: str = "released", run_id: Optional[str] = RUN, host: Optional[str] = "h1"
) -> Event:
    ended = [{"seq": seq, "holder": "h1", "run_id": run_id, "host": host, "held": held}]
    return event(SLOT, {"acquired": False, state: ended}, {"state": state})


def ledger(*events: Event) -> Ledger:
    """A ledger whose clock goes on by ten seconds each time that it is asked for the time."""
    times = itertools.count(100, 10)
    made = Ledger(lambda: float(next(times)))
    for each in events:
        made.record(each)
    return made


def cells(made: Ledger) -> list[tuple[str, ...]]:
    return [row.cells(200.0) for row in made.rows]


def held(made: Ledger) -> list[int | None]:
    return [row.seq for row in made.rows if row.held_since is not None]


def test_a_governed_task() -> None:
    slot = {"governor": "up", "holder": "h1", "seq": 1, "waited": 0.0, "held": 75.2, "released": True, "lost": False}
    made = ledger(event(GOVERNED, {"rc": 0, "slots": [slot]}))
    assert cells(made) == [("up", "h1", "a task", "0.0s", "1m15s")]
    assert held(made) == []


def test_a_governed_task_that_lost_its_slot_and_one_for_another_holder() -> None:
    slot = {"governor": "up", "holder": "db", "seq": 1, "waited": 0.1, "held": 2, "released": False, "lost": True}
    made = ledger(event(GOVERNED, {"slots": [{**slot, "released": True}]}))
    assert cells(made) == [("up", "h1 (db)", "a task", "0.1s", "2.0s, lost")]


def test_a_slot_that_a_governed_task_left_on_purpose_is_not_released() -> None:
    slot = {"governor": "up", "holder": "h1", "seq": 7, "waited": 0.0, "held": 2.0, "released": False}
    made = ledger(event(GOVERNED, {"failed": True, "slots": [slot]}, {"release": "on_success"}))
    # governor_slot finds that the host has a slot already: it is the same one.
    made.record(event(SLOT, acquired(7)))
    assert cells(made) == [("up", "h1", "a task", "0.0s", "2.0s, kept")]
    assert held(made) == []


def test_those_who_got_no_slot() -> None:
    made = ledger(
        event(GOVERNED, {"failed": True, "slots": [{"governor": "up", "holder": "h1", "seq": None, "waited": 5.0}]}),
        event(GOVERNED, {"slots": [{"governor": "up", "holder": "h1", "waited": 12.0}]}),
        event(SLOT, {"acquired": False, "waited": 0.5}, {"holder": "x"}),
    )
    assert [row[3:] for row in cells(made)] == [("5.0s", "no slot"), ("12s", "no slot"), ("0.5s", "no slot")]
    assert cells(made)[2][1] == "h1 (x)"


def test_what_did_not_get_as_far_as_waiting_is_not_shown() -> None:
    made = ledger(
        event(GOVERNED, {"skip_reason": "Conditional result was False"}, {"release": "never"}),
        event(GOVERNED, {"failed": True, "slots": [{"governor": "up", "holder": "h1", "seq": None, "waited": None}]}),
        event(SLOT, {"skip_reason": "Conditional result was False"}),
        event(SLOT, {"failed": True, "acquired": False, "msg": "This play would never end"}),
        event("ansible.builtin.ping", {"slots": [{"governor": "up", "seq": 1}]}),
    )
    assert made.rows == []


def test_acquired_and_released() -> None:
    made = ledger(event(SLOT, acquired(3)), event(SLOT, acquired(3, changed=False)), release(3, 2.5))
    assert cells(made) == [("up", "h1", "a task", "1.2s", "2.5s")]
    assert held(made) == []


def test_acquired_and_evicted() -> None:
    assert held(ledger(event(SLOT, acquired(3)), release(3, state="evicted"))) == []


def test_a_release_counts_for_its_own_slot_alone() -> None:
    made = ledger(event(SLOT, acquired(3)), release(4), release(3, run_id="other"), release(3, host="h2"))
    made.record(release(3, state="evicted", run_id=None, host=None))
    assert held(made) == [3]
    assert cells(made)[0][4] == "1m40s, held to the end"


def test_the_later_of_two_slots_with_the_same_sequence_is_the_one_released() -> None:
    # The governor was deleted and made anew in between.
    first, second = event(SLOT, acquired(1)), event(SLOT, acquired(1), {"servers": ["nats://b:4222"]})
    made = ledger(first)
    made.rows[0].held_since = None
    made.record(second)
    made.record(release(1, 9.0))
    assert [row.held for row in made.rows] == [None, 9.0]


def test_items_of_a_loop_are_told_one_by_one_and_the_whole_is_left_out() -> None:
    made = ledger(
        event(SLOT, acquired(1, "a"), {"holder": "a"}),
        event(SLOT, acquired(2, "b"), {"holder": "b"}),
        event(SLOT, {"results": [acquired(1, "a"), acquired(2, "b")]}),
    )
    assert [row[1] for row in cells(made)] == ["h1 (a)", "h1 (b)"]


def test_several_slots_of_one_task() -> None:
    """A row each, also where one could not be had."""
    slot = {"governor": "wide", "holder": "h1", "seq": 1, "waited": 3.0, "held": 2.0, "released": True}
    narrow = {**slot, "governor": "narrow", "seq": 5, "waited": 0.0, "held": 5.0, "released": False}
    made = ledger(event(GOVERNED, {"slots": [slot, narrow]}))
    assert [(row.governor, row.seq, row.note) for row in made.rows] == [("wide", 1, ""), ("narrow", 5, "kept")]
    given_back = {**narrow, "released": True}
    made = ledger(event(GOVERNED, {"failed": True, "slots": [{**slot, "seq": None, "waited": 9.0}, given_back]}))
    assert [(row.governor, row.note, row.held) for row in made.rows] == [("wide", "no slot", None), ("narrow", "", 5.0)]


def test_slots_inside_the_tasks_of_a_governed_one() -> None:
    inner = {"governor": "inner", "holder": "h1", "seq": 1, "waited": 0.0, "held": 1.0, "released": True}
    outer = {**inner, "governor": "outer"}
    made = ledger(event(GOVERNED, {"slots": [outer], "results": [{"slots": [inner]}, {"rc": 0}]}))
    assert sorted(row.governor for row in made.rows) == ["inner", "outer"]


def test_a_job_in_the_background_is_told_of_when_it_is_collected() -> None:
    made = ledger(event(SLOT, {"ansible_job_id": "j1", "started": 1, "finished": 0}))
    made.record(event(JOBS[0], {"ansible_job_id": "j1", "finished": 0}))
    assert made.rows == []
    made.record(event(JOBS[0], acquired(5, ansible_job_id="j1", finished=1), host="h2"))
    assert [(row.seq, row.host) for row in made.rows] == [(5, "h1")]


def test_the_table_is_aligned() -> None:
    made = ledger(
        event(SLOT, acquired(3)), release(3, 2.5), event(SLOT, {"acquired": False, "waited": 61.0}, host="host 22")
    )
    assert made.table() == [
        "GOVERNOR  HOST     TASK    WAITED  HELD",
        "up        h1       a task  1.2s    2.5s",
        "up        host 22  a task  1m1s    no slot",
    ]
