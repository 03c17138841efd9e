# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One handler for all signals around a slot: what each does, when it comes, however often it comes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from ansible_collections.jetstream.governor.plugins.plugin_utils import _interruption as interruption
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import (
    Interrupted,
    Interruptions,
    SlotLost,
)

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1)


class TookTooLong(BaseException):
    """Raised by the alarm of a task's timeout."""


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the list of what was done, in order. The handlers from before add to it, and that of the alarm raises."""
    told: list[str] = []

    def end(number: int, _frame: object) -> None:
        told.append(signal.Signals(number).name)

    def alarm(number: int, frame: object) -> None:
        end(number, frame)
        raise TookTooLong

    handlers: dict[signal.Signals, Any] = {signal.SIGALRM: alarm, signal.SIGUSR1: signal.SIG_DFL}
    before = {number: signal.signal(number, handlers.get(number, end)) for number in NUMBERS}
    # This process leads no session of its own, and others than the work's belong to it.
    monkeypatch.setattr(interruption, "_lead_a_session", lambda: None)
    monkeypatch.setattr(interruption, "end_local_work", lambda: told.append("work ended"))
    yield told
    for number, handler in before.items():
        signal.signal(number, handler)


def comes(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_work_the_slot_is_released_between_the_ends_of_work_and_process(
    done: list[str], number: signal.Signals
) -> None:
    with Interruptions() as interruptions:
        with interruptions.working(lambda: done.append("released")):
            comes(number)
        assert done == ["work ended", "released", number.name]
    assert len(done) == 3


def test_also_in_the_midst_of_an_event_loop(done: list[str]) -> None:
    async def release() -> None:
        await asyncio.sleep(0)
        done.append("released")

    async def work() -> None:
        comes(signal.SIGTERM)
        await asyncio.sleep(0)

    with Interruptions() as interruptions, interruptions.working(lambda: asyncio.run(release())):
        asyncio.run(work())
    assert done == ["work ended", "released", "SIGTERM"]


def test_more_signals_while_it_is_released(done: list[str]) -> None:
    def release() -> None:
        comes(signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
        done.append("released")

    with Interruptions() as interruptions, interruptions.working(release):
        comes(signal.SIGTERM)
    assert done == ["work ended", "released", "SIGTERM"]


def test_a_process_that_is_told_to_end_does_not_wait_for_ever(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_GIVE_UP_AFTER", 0.05)
    answer = threading.Event()
    with Interruptions() as interruptions, interruptions.working(answer.wait):
        comes(signal.SIGTERM)
        assert done == ["work ended", "SIGTERM"]
        answer.set()


def test_what_goes_wrong_there_hides_no_signal(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with Interruptions() as interruptions, interruptions.working(lambda: None):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            comes(signal.SIGTERM)
        assert done == ["work ended", "SIGTERM"]


def test_the_alarm_at_work_raises_and_leaves_the_slot_to_the_worker(done: list[str]) -> None:
    with Interruptions() as interruptions:
        with pytest.raises(TookTooLong), interruptions.working(lambda: done.append("released")):
            comes(signal.SIGALRM)
        assert done == ["SIGALRM"]


def test_work_that_swallows_the_alarm_can_still_be_ended(done: list[str]) -> None:
    """Event loops do so with what a callback raises."""
    with Interruptions() as interruptions, interruptions.working(lambda: done.append("released")):
        with pytest.raises(TookTooLong):
            comes(signal.SIGALRM)
        comes(signal.SIGTERM)
    assert done == ["SIGALRM", "work ended", "released", "SIGTERM"]


def test_what_the_work_has_forked_does_not_release_the_slot(done: list[str]) -> None:
    with Interruptions() as interruptions, interruptions.working(lambda: done.append("released")):
        child = os.fork()
        if child == 0:
            comes(signal.SIGTERM)
            os._exit(0 if done == ["SIGTERM"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def wait_while_there_come(done: list[str], *numbers: signal.Signals) -> None:
    with Interruptions() as interruptions, interruptions.waiting(lambda: done.append("woken")):
        comes(*numbers)
        assert set(done) == {"woken"}


@pytest.mark.parametrize("more", [(), (signal.SIGTERM,), (signal.SIGINT, signal.SIGALRM)], ids=len)
def test_in_the_wait_it_wakes_the_waiter_and_is_done_in_the_end(
    done: list[str], more: tuple[signal.Signals, ...]
) -> None:
    with pytest.raises(Interrupted):
        wait_while_there_come(done, signal.SIGINT, *more)
    assert [each for each in done if each != "woken"] == ["SIGINT"]


def test_to_end_is_more_than_the_alarm_that_came_before(done: list[str]) -> None:
    with Interruptions() as interruptions:
        comes(signal.SIGALRM, signal.SIGTERM)
        with interruptions.working(lambda: done.append("released")):
            pass
    assert done == ["work ended", "released", "SIGTERM"]


def test_after_the_work_it_is_put_off_to_the_end(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Interruptions() as interruptions:
        with interruptions.working(lambda: done.append("released")):
            pass
        assert not interruptions.overdue
        comes(signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
        assert not interruptions.overdue
        monkeypatch.setattr(interruption, "_GIVE_UP_AFTER", 0.0)
        assert interruptions.overdue
        assert done == []
    assert done == ["SIGTERM"]


class Slots:
    """Tells which of them are lost."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def is_lost(self, name: str) -> Callable[[], bool]:
        return lambda: name in self.lost


@pytest.fixture
def slots(done: list[str]) -> Slots:
    assert not done
    return Slots()


def loses(slots: Slots, *names: str) -> None:
    slots.lost.update(names)
    comes(signal.SIGUSR1)


def test_a_lost_slot_ends_the_work(done: list[str], slots: Slots) -> None:
    with Interruptions(slots.is_lost("mine")) as interruptions:
        with pytest.raises(SlotLost), interruptions.working(lambda: done.append("released")):
            loses(slots, "mine")
        assert (done, interruptions.stopped) == (["work ended"], True)


def test_a_slot_that_was_lost_before_the_work_lets_it_not_begin(done: list[str], slots: Slots) -> None:
    with Interruptions(slots.is_lost("mine")) as interruptions:
        loses(slots, "mine")
        with pytest.raises(SlotLost), interruptions.working(lambda: None):
            done.append("worked")
    assert done == ["work ended"]


def test_after_the_work_it_is_too_late(done: list[str], slots: Slots) -> None:
    with Interruptions(slots.is_lost("mine")) as interruptions:
        with interruptions.working(lambda: None):
            done.append("worked")
        loses(slots, "mine")
        assert not interruptions.stopped
    # The signal may come as late as this, and would kill a process without a handler.
    comes(signal.SIGUSR1)
    assert done == ["worked"]


def test_work_that_swallows_the_loss_is_known_to_be_stopped(done: list[str], slots: Slots) -> None:
    with Interruptions(slots.is_lost("mine")) as interruptions:
        with interruptions.working(lambda: None):
            with pytest.raises(SlotLost):
                loses(slots, "mine")
            done.append("went on")
        assert interruptions.stopped


def test_what_the_work_has_forked_goes_on(done: list[str], slots: Slots) -> None:
    with Interruptions(slots.is_lost("mine")) as interruptions, interruptions.working(lambda: None):
        child = os.fork()
        if child == 0:
            loses(slots, "mine")
            os._exit(0 if done == [] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("inner_stops", [True, False])
def test_a_slot_around_another_ends_the_work_of_both(slots: Slots, inner_stops: bool) -> None:
    outer, inner = Interruptions(slots.is_lost("outer")), Interruptions(slots.is_lost("inner") if inner_stops else None)

    def work() -> None:
        with outer.working(lambda: None), inner, inner.working(lambda: None):
            loses(slots, "outer")

    with outer, pytest.raises(SlotLost):
        work()
    assert (outer.stopped, inner.stopped) == (True, False)


def test_a_slot_inside_another_ends_its_own_work(slots: Slots) -> None:
    outer, inner = Interruptions(slots.is_lost("outer")), Interruptions(slots.is_lost("inner"))
    with outer, outer.working(lambda: None):
        with inner, pytest.raises(SlotLost), inner.working(lambda: None):
            loses(slots, "inner")
        assert (outer.stopped, inner.stopped) == (False, True)
        with pytest.raises(SlotLost):
            loses(slots, "outer")


def test_a_slot_around_another_that_is_waited_for_ends_the_wait(done: list[str], slots: Slots) -> None:
    outer, inner = Interruptions(slots.is_lost("outer")), Interruptions(slots.is_lost("inner"))

    def wait() -> None:
        with outer.working(lambda: None), inner, inner.waiting(lambda: done.append("woken")):
            loses(slots, "outer")
            assert done == ["woken"]

    with outer, pytest.raises(SlotLost):
        wait()
    assert outer.stopped
