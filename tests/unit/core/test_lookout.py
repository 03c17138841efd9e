# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a waiter in the queue makes of what it sees, and when it looks again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.lookout import Advice, Lookout
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import NOON, FakeTime, a_state

SUBJECT = "$GOVERNOR.campaign.g"
WAIT, WAKE, TRY = Advice.WAIT, Advice.WAKE, Advice.TRY


def seen(active: int = 2, last_seq: int = 2, expires_in: Optional[float] = None, **config: Any) -> State:
    """A governor of limit 2, full unless said otherwise; expires_in None: its max_age is 0, for never."""
    state = a_state(active, limit=2)
    config = {"max_age": 0.0 if expires_in is None else 60.0, **config}
    oldest = NOON - timedelta(seconds=60 - (expires_in or 0)) if active else None
    return replace(state, last_seq=last_seq, oldest=oldest, config=replace(state.config, **config))


FULL, ONE_EMPTY = seen(), seen(active=1)


class Looking:
    """A lookout that has joined the queue at 0 s; times are told from there."""

    def __init__(self, interval: Optional[float] = None, random: float = 0.5) -> None:
        self._time = FakeTime()
        self.lookout = Lookout(replace(self._time.timing, random=lambda: random), SUBJECT, interval)
        self.lookout.note_join()

    def look(self, state: State = FULL, waiting: int = 1, delivered: int = 0, redelivered: int = 0) -> Advice:
        return self.lookout.advise(state, QueueState(waiting, delivered, redelivered, redelivered))

    def later(self, seconds: float) -> None:
        self._time.now += seconds

    @property
    def next(self) -> float:
        """In how many seconds the next look is."""
        return self.lookout.next_look - self._time.now


@pytest.mark.parametrize(
    ("interval", "random", "after"), [(None, 0.5, 1), (None, 0.0, 0.5), (None, 1.0, 1.5), (8, 0.5, 1), (0.4, 0.5, 0.4)]
)
def test_the_first_look_is_soon(interval: Optional[float], random: float, after: float) -> None:
    looking = Looking(interval, random)
    assert looking.next == pytest.approx(after)
    assert (looking.lookout.position, looking.lookout.queue) == (None, None)


@pytest.mark.parametrize(
    ("interval", "random", "after"), [(None, 0.5, 5), (None, 0.0, 2.5), (None, 1.0, 7.5), (2, 0.5, 2)]
)
def test_a_full_governor_is_looked_at_again_after_the_interval(
    interval: Optional[float], random: float, after: float
) -> None:
    looking = Looking(interval, random)
    assert [looking.look(), looking.look()] == [WAIT, WAIT]
    assert looking.next == after


@pytest.mark.parametrize(("random", "waiting", "after"), [(0.0, 1, 0), (0.5, 1, 2.5), (1.0, 1, 5), (0.01, 500, 1)])
def test_after_the_first_look_those_who_joined_together_are_spread_over_the_interval(
    random: float, waiting: int, after: float
) -> None:
    """Or nobody would look for half the interval, which is long where many wait."""
    looking = Looking(random=random)
    for _each in range(2):
        looking.lookout.note_join()
        looking.look(waiting=waiting)
        assert looking.next == pytest.approx(after)


@pytest.mark.parametrize(("waiting", "stretch"), [(0, 1), (1, 1), (25, 1), (50, 2), (1000, 40)])
def test_the_more_wait_the_less_often_each_looks(waiting: int, stretch: float) -> None:
    looking = Looking()
    assert looking.lookout.stretch == 1
    for _each in range(2):
        looking.look(waiting=waiting)
    assert (looking.lookout.stretch, looking.next) == (stretch, 5 * stretch)


@pytest.mark.parametrize(
    ("expires_in", "waiting", "random", "after"),
    [
        (3, 1, 0.0, 3.05),
        (3, 1, 1.0, 3.1),
        (3, 20, 0.5, 3.55),
        (3, 1000, 0.5, 28.05),
        (-2, 1, 0.5, 0.075),
        (-2, 20, 0.5, 0.55),
    ],
)
def test_the_next_look_is_shortly_after_the_next_expiry(
    expires_in: float, waiting: int, random: float, after: float
) -> None:
    """Spread over those who wait: the first of them to look is enough. An entry may be late to expire."""
    looking = Looking(interval=10, random=random)
    looking.look(waiting=waiting)
    assert looking.look(seen(expires_in=expires_in), waiting=waiting) is WAIT
    assert looking.next == pytest.approx(after)


def test_where_nobody_is_the_next_look_is_shortly_after_who_enters_now_expires() -> None:
    """As when the queue moves on between two looks."""
    looking = Looking(interval=3600)
    looking.look(seen(active=0, expires_in=0), waiting=2)
    assert looking.look(seen(active=0, expires_in=0), waiting=1, delivered=1) is WAIT
    assert looking.next == pytest.approx(60.075)


def test_an_expiry_that_is_far_away_does_not_put_the_look_off() -> None:
    looking = Looking()
    looking.look(seen(expires_in=50))
    assert looking.next == 2.5


def test_an_empty_slot_is_looked_at_again_then_wake_ups_are_sent_then_it_is_tried() -> None:
    looking = Looking()
    advices = []
    for _each in range(4):
        advices.append(looking.look(ONE_EMPTY))
        assert looking.next == 0.25
        looking.later(0.25)
    assert advices == [WAIT, WAKE, TRY, TRY]


def test_an_empty_slot_while_the_queue_moves_is_on_its_way_to_somebody() -> None:
    looking = Looking()
    assert looking.look(ONE_EMPTY, waiting=9, delivered=3) is WAIT
    assert looking.next == 0.25
    assert looking.look(ONE_EMPTY, waiting=8, delivered=4) is WAIT
    assert looking.next == 5
    # It begins anew.
    assert [looking.look(ONE_EMPTY, waiting=8, delivered=4) for _each in range(2)] == [WAIT, WAKE]


def test_where_those_who_are_called_do_not_answer_more_and_more_are_called() -> None:
    """One that stands still after the other is handed the same wake-up. At the end of the queue, it tries itself."""
    looking, sent = Looking(), []
    for look in range(6):
        advice = looking.look(ONE_EMPTY, waiting=40 - 2**look, delivered=2**look, redelivered=1)
        assert looking.next == 0.25
        sent.append((advice, looking.lookout.wake_ups))
    assert sent == [(WAIT, 0), *((WAKE, count) for count in (1, 2, 4, 8, 16))]
    assert looking.look(ONE_EMPTY, waiting=0, delivered=64, redelivered=9) is TRY


def test_where_one_who_is_called_enters_no_more_are_called() -> None:
    looking = Looking()
    for _each in range(3):
        looking.look(ONE_EMPTY, waiting=9, redelivered=1)
    assert looking.look(seen(active=1, last_seq=3), waiting=8, delivered=1, redelivered=1) is WAIT
    assert looking.next == 5


def test_an_empty_slot_that_is_taken_meanwhile_is_forgotten() -> None:
    looking = Looking()
    advices = [looking.look(ONE_EMPTY), looking.look(), looking.look(ONE_EMPTY), looking.look(ONE_EMPTY)]
    assert advices == [WAIT, WAIT, WAIT, WAKE]


def test_an_empty_slot_that_was_seen_before_the_queue_was_joined_again_is_forgotten() -> None:
    looking = Looking()
    looking.look(ONE_EMPTY)
    looking.lookout.note_join()
    assert [looking.look(ONE_EMPTY), looking.look(ONE_EMPTY)] == [WAIT, WAKE]


@pytest.mark.parametrize("active", [1, 2])
def test_those_who_enter_past_the_queue_are_competed_with(active: int) -> None:
    """As many as there are slots may have been called before the first look, and have entered after it."""
    looking = Looking()
    looking.look(FULL, waiting=9, delivered=3)
    assert looking.look(seen(last_seq=6), waiting=7, delivered=5) is WAIT
    assert looking.look(seen(last_seq=7), waiting=6, delivered=6) is WAIT
    for last_seq in (9, 10):
        assert looking.look(seen(active, last_seq=last_seq), waiting=6, delivered=6) is TRY
        assert looking.next == 5
    assert looking.look(seen(last_seq=10), waiting=6, delivered=6) is WAIT
    looking.lookout.note_join()
    assert looking.look(seen(last_seq=11), waiting=6, delivered=6) is WAIT


def test_those_who_were_called_in_vain_do_not_hide_those_who_enter_past_the_queue() -> None:
    looking = Looking()
    looking.look(seen(last_seq=2), waiting=9, delivered=0)
    looking.look(seen(last_seq=2), waiting=9, delivered=100)
    assert looking.look(seen(last_seq=5), waiting=9, delivered=100) is TRY


def test_a_queue_that_was_made_anew_is_no_reason_to_try() -> None:
    looking = Looking()
    looking.look(waiting=9, delivered=100)
    looking.lookout.note_join()
    assert looking.look(waiting=9, delivered=0) is WAIT


def test_who_joins_again_is_behind_all_who_wait_then() -> None:
    looking = Looking()
    looking.look(waiting=7)
    looking.lookout.note_join()
    looking.look(waiting=40, delivered=30)
    assert looking.lookout.position == 40


@pytest.mark.parametrize(("last_seq", "delivered"), [(4, 5), (3, 5), (2, 5)])
def test_those_in_the_queue_enter_after_they_were_called(last_seq: int, delivered: int) -> None:
    """Or are called in vain, or have not entered yet."""
    looking = Looking()
    looking.look(FULL, waiting=9, delivered=3)
    assert looking.look(seen(last_seq=last_seq), waiting=7, delivered=delivered) is WAIT


def test_at_the_first_look_nobody_is_known_to_have_entered() -> None:
    assert Looking().look(seen(last_seq=1_000_000), waiting=9, delivered=3) is WAIT


@pytest.mark.parametrize("active", [1, 2])
def test_a_governor_that_has_moved_is_tried_which_tells_so(active: int) -> None:
    assert Looking().look(seen(active, subject="c.governor.g")) is TRY


def test_with_replicas_a_refusal_is_made_sure_once() -> None:
    """A leader that was deposed may have refused what its successor took, and nobody calls who has a slot."""
    looking, full = Looking(), seen(replicas=3)
    looking.look()
    looking.lookout.note_refusal()
    looking.later(4)
    assert looking.look(full) is WAIT
    assert looking.next == 5
    looking.later(5.5)
    assert looking.look(full) is WAIT
    assert looking.next == 0.5
    looking.later(0.5)
    assert looking.look(full) is TRY
    assert looking.next == 5
    for _each in range(3):
        looking.later(5)
        assert looking.look(full) is WAIT
        assert looking.next == 5
    looking.lookout.note_refusal()
    looking.later(10)
    assert looking.look(full) is TRY


@pytest.mark.parametrize(("random", "after"), [(0.0, 5), (1.0, 15)])
def test_when_a_refusal_is_made_sure_varies(random: float, after: float) -> None:
    looking, full = Looking(interval=100, random=random), seen(replicas=3)
    looking.look()
    looking.lookout.note_refusal()
    looking.look(full)
    assert looking.next == after


def test_the_more_wait_the_later_a_refusal_is_made_sure() -> None:
    looking = Looking(interval=100)
    looking.lookout.note_refusal()
    looking.look(seen(replicas=3), waiting=50)
    assert looking.next == 20


def test_a_look_that_comes_sooner_is_not_put_off_to_make_sure() -> None:
    looking = Looking(interval=2)
    looking.lookout.note_refusal()
    looking.look(seen(replicas=3))
    assert looking.next == 1


def test_without_replicas_a_refusal_is_sure() -> None:
    looking = Looking()
    looking.look()
    looking.lookout.note_refusal()
    for _each in range(4):
        assert looking.look(seen(replicas=1)) is WAIT
        assert looking.next == 5
        looking.later(5)


def test_the_place_is_at_most_the_last_and_goes_down_with_those_who_are_called() -> None:
    looking = Looking()
    places = []
    for waiting, delivered in [(7, 100), (9, 100), (12, 102), (12, 104), (12, 120)]:
        looking.look(waiting=waiting, delivered=delivered)
        places.append(looking.lookout.position)
    assert places == [7, 7, 5, 3, 1]


def test_the_place_is_not_beyond_the_end_of_the_queue() -> None:
    """Others before this one may have lost patience, without having been called."""
    looking = Looking()
    looking.look(waiting=7)
    looking.look(waiting=3)
    assert looking.lookout.position == 3
    looking.look(waiting=0)
    assert looking.lookout.position == 1


def test_the_place_moves_on_between_two_looks() -> None:
    looking = Looking()
    assert looking.lookout.position_in(QueueState(9, 100)) is None
    looking.look(waiting=7, delivered=100)
    states = [QueueState(9, 100), QueueState(9, 102), QueueState(3, 102), QueueState(9, 120)]
    assert [looking.lookout.position_in(state) for state in states] == [7, 5, 3, 1]
    assert looking.lookout.position == 7


def test_a_place_that_was_counted_on_joining_is_kept() -> None:
    """The others joined meanwhile; the first look is a first look all the same."""
    looking = Looking()
    looking.lookout.note_count(QueueState(3, 100))
    looking.look(waiting=50, delivered=101)
    assert (looking.lookout.position, looking.next) == (2, 5)
    # It came late.
    looking.lookout.note_count(QueueState(50, 101))
    assert looking.lookout.position == 2


def test_a_place_that_was_counted_is_kept_by_who_is_told() -> None:
    looking = Looking()
    looking.lookout.note_count(QueueState(3, 7))
    assert looking.lookout.use_shared_look(FULL, QueueState(500, 8), since=1000.5) is True
    assert looking.lookout.position == 2


def test_who_joins_again_is_at_an_unknown_place() -> None:
    looking = Looking()
    looking.look(waiting=7)
    looking.look(waiting=2, delivered=5)
    looking.later(9)
    looking.lookout.note_join()
    assert (looking.lookout.position, looking.next) == (None, 1)
    looking.look(waiting=40, delivered=5)
    assert looking.lookout.position == 40


def test_the_length_of_the_queue_is_remembered_without_a_place() -> None:
    """Who has lost its place asks as little often as the others."""
    looking = Looking()
    looking.look(waiting=1000)
    looking.lookout.note_join()
    assert (looking.lookout.queue, looking.lookout.stretch) == (QueueState(1000, 0), 40)


@pytest.mark.parametrize(("random", "after"), [(0.0, 0.5), (0.5, 1), (1.0, 1.5)])
def test_who_has_seen_nothing_looks_again_soon(random: float, after: float) -> None:
    looking = Looking(random=random)
    looking.look(waiting=1000)
    looking.lookout.note_failed_look()
    assert looking.next == pytest.approx(after)


def test_who_goes_on_to_see_nothing_looks_less_and_less_often() -> None:
    """The server may have too much to do. Never less often than who sees something."""
    looking, pauses = Looking(), []
    for _each in range(5):
        looking.lookout.note_failed_look()
        pauses.append(looking.next)
    assert pauses == [1, 2, 4, 5, 5]
    looking.look()
    looking.lookout.note_failed_look()
    assert looking.next == 1


def test_what_another_sees_after_one_has_joined_spares_it_the_first_look() -> None:
    looking = Looking()
    assert looking.lookout.use_shared_look(FULL, QueueState(500, 7), since=999.9) is False
    assert (looking.lookout.queue, looking.next) == (None, 1)
    assert looking.lookout.use_shared_look(FULL, QueueState(500, 7), since=1000.5) is True
    assert (looking.lookout.position, looking.lookout.stretch, looking.next) == (500, 20, 50.5)
    # Only the first: each looks in its turn.
    assert looking.lookout.use_shared_look(FULL, QueueState(500, 7), since=1000.6) is False


def test_who_is_told_also_knows_when_the_next_entry_expires() -> None:
    looking = Looking(interval=3600)
    looking.later(1)
    assert looking.lookout.use_shared_look(seen(expires_in=0.7), QueueState(2, 7), since=1000.5) is True
    assert looking.next == pytest.approx(0.7 - 0.5 + 0.05 * 2)


def test_who_has_seen_the_queue_itself_need_not_be_told() -> None:
    looking = Looking()
    looking.look(waiting=7)
    assert looking.lookout.use_shared_look(FULL, QueueState(500, 7), since=1001) is False
    assert looking.lookout.position == 7
