# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a waiter in the queue makes of its looks at the governor, and when it looks again. Pure.

Slots that expire, and those that Go clients leave, wake nobody. Where a slot stands empty and nobody in the queue is
called, a looker sends the wake-up that is missing; when that does not help either, it tries for itself. While others
enter past the queue, as Go clients do, a looker tries as they do.
"""

from __future__ import annotations

from enum import Enum

from .queue import QueueState
from .state import State
from .timing import Timing

_LOOK_EVERY = 5.0

# With more in the queue each looks less often: all of them together look five times a second at most.
_LOOKERS = 25

# The first look tells how long the queue is.
_FIRST_LOOK = 1.0

# Slots are handed over in milliseconds: one that is empty in two looks is in nobody's hands.
_SECOND_LOOK = 0.25

# Seconds after an entry has expired, for each in the queue: the first to look is enough.
_AFTER_EXPIRY = 0.05

# With replicas, a leader that was deposed and does not know it may have refused what its successor took: the waiter has
# a slot then, and nobody will call it. One more try with the same token tells.
_MAKE_SURE_AFTER = 10.0


class Advice(Enum):
    WAIT = "wait"
    WAKE = "wake"
    TRY = "try"


class Lookout:
    """One waiter's. Times are the clock's; ``queue`` and ``position`` as of the last look, None before the first.

    ``position``: its number in the queue, about: 1 is called next. Who was called in vain comes before it again. Where
    the queue was counted when this one joined it, both are as of then before the first look.
    ``wake_ups``: how many to send, where that was advised.
    """

    def __init__(self, timing: Timing, subject: str, interval: float | None) -> None:
        self.queue: QueueState | None = None
        self.position: int | None = None
        self.next_look = 0.0
        self.wake_ups = 0
        self._timing = timing
        self.subject = subject
        self._interval = interval or _LOOK_EVERY
        self._refused_at: float | None = None
        self._sure_after = 0.0
        self._last_seq: int | None = None
        self._past = 0
        self._empty_looks = 0
        self._joined_at = 0.0
        self._looked = False
        self._blind = 0

    def note_join(self) -> None:
        """At the end of the queue."""
        self._joined_at, self._looked = self._timing.clock(), False
        self.position, self._last_seq, self._past, self._empty_looks = None, None, 0, 0
        self.next_look = self._timing.clock() + self.jittered(min(_FIRST_LOOK, self._interval))

    def note_count(self, queue: QueueState) -> None:
        """The queue, just after this one has joined it: others have joined it before the first look."""
        if not self._looked:
            self.queue, self.position = queue, max(1, queue.waiting)

    def position_in(self, queue: QueueState) -> int | None:
        """The place, as moved on since the last look; None before the first."""
        if self.queue is None or self.position is None:
            return None
        return max(1, min(self.position - (queue.delivered - self.queue.delivered), queue.waiting))

    def note_refusal(self) -> None:
        """A try in which nothing had to be made sure."""
        self._refused_at = self._timing.clock()
        self._sure_after = self.jittered(_MAKE_SURE_AFTER)

    def note_missing_queue(self) -> None:
        """So nobody waits in it either."""
        self.queue = None

    def note_failed_look(self) -> None:
        """The governor, or its queue, did not answer: it may have too much to do."""
        self.next_look = self._timing.clock() + self.jittered(min(_FIRST_LOOK * 2**self._blind, self._regular()))
        self._blind += 1

    def use_shared_look(self, state: State, queue: QueueState, since: float) -> bool:
        """What another saw at that time; whether that spares this one its first look."""
        if self._looked or since < self._joined_at:
            return False
        self._see(state, queue)
        self.next_look = since + self._until_next_look(state, queue.waiting, first=True)
        return True

    def advise(self, state: State, queue: QueueState) -> Advice:
        first, self._blind = not self._looked, 0
        called = queue.delivered - self.queue.delivered if self.queue and self.position else 0
        entered = state.last_seq - self._last_seq if self._last_seq is not None else 0
        self._see(state, queue)
        self.next_look = self._timing.clock() + self._until_next_look(state, queue.waiting, first)
        if self._others_enter(entered - called, state.config.limit) or state.config.subject != self.subject:
            return Advice.TRY
        if state.active >= state.config.limit:
            self._empty_looks = 0
            return self._make_sure(state)
        # A wake-up that those who do not answer pass on to each other moves the queue too, and fills no slot.
        moves = entered if queue.redelivered else called
        return self._empty(state.config.limit - state.active, moves > 0)

    def _see(self, state: State, queue: QueueState) -> None:
        self.position = self.position_in(queue) or max(1, queue.waiting)
        self.queue, self._last_seq, self._looked = queue, state.last_seq, True

    def jittered(self, seconds: float) -> float:
        """From 50 to 150 %."""
        return seconds * (0.5 + self._timing.random())

    @property
    def stretch(self) -> float:
        """By how much to ask less often because many wait."""
        return max(1.0, self.queue.waiting / _LOOKERS) if self.queue else 1.0

    def _regular(self) -> float:
        """Seconds between two looks."""
        return self._interval * self.stretch

    def _others_enter(self, more: int, limit: int) -> bool:
        """Whether others enter than those who are called. ``more``: entered than called since the last look.

        As many as there are slots may have been called before a look, and have entered after it.
        """
        self._past = max(0, self._past + more)
        if self._past <= limit:
            return False
        self._past = limit
        return True

    def _empty(self, slots: int, moves: bool) -> Advice:
        if self._empty_looks and moves:
            # It was on its way to somebody in the queue.
            self._empty_looks = 0
            return Advice.WAIT
        self._empty_looks += 1
        self.next_look = self._timing.clock() + _SECOND_LOOK
        if self._empty_looks == 1:
            return Advice.WAIT
        if self._nobody_answers():
            # Half a second for each of them would be long: 1, 2, 4, ... more are called, until one answers.
            self.wake_ups = 2 ** (self._empty_looks - 2)
            return Advice.WAKE
        self.wake_ups = slots
        return Advice.WAKE if self._empty_looks == 2 else Advice.TRY

    def _nobody_answers(self) -> bool:
        """Whether wake-ups are passed on from one to the next, and there are still some who were not called."""
        return self.queue is not None and self.queue.redelivered > 0 and self.queue.waiting > 0

    def _until_next_look(self, state: State, waiting: int, first: bool) -> float:
        # Those who join together look together first, and are spread over the interval from then on.
        regular = self._timing.random() * self._regular() if first else self.jittered(self._regular())
        if not state.config.max_age:
            return regular
        after = _AFTER_EXPIRY * (1 + self._timing.random() * waiting)
        # Of nobody there, the first to enter.
        expires_in = state.config.max_age if state.expires_in is None else state.expires_in
        return min(regular, max(0.0, expires_in) + after)

    def _make_sure(self, state: State) -> Advice:
        if self._refused_at is None or state.config.replicas == 1:
            return Advice.WAIT
        sure_at = self._refused_at + self._sure_after * self.stretch
        if self._timing.clock() < sure_at:
            self.next_look = min(self.next_look, sure_at)
            return Advice.WAIT
        self._refused_at = None
        return Advice.TRY
