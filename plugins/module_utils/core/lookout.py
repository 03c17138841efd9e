# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a waiter in the queue looks at the governor, and what it does about what it sees. No I/O.

No wake-up is sent for slots that expire, nor for those that Go clients finish. When a waiter sees that a slot stays
empty and that nobody in the queue is woken for it, it sends the missing wake-up; when that does not help either, it
tries itself. While other clients enter past the queue, as Go clients do, it tries as they do.
"""

from __future__ import annotations

from enum import Enum

from .queue import QueueState
from .state import State
from .timing import Timing

# Seconds between two looks.
_LOOK_EVERY = 5.0

# When more wait in the queue, each looks less often, so that all of them together look five times a second at most.
_LOOKERS = 25

# Seconds until the first look, which tells how long the queue is.
_FIRST_LOOK = 1.0

# Seconds until an empty slot is looked at again. Slots are handed over in milliseconds: one that is empty in two looks
# is not on its way to anybody.
_SECOND_LOOK = 0.25

# Seconds from the expiry of an entry to the next look, for each waiter in the queue. The looks are spread because the
# first of them is enough.
_AFTER_EXPIRY = 0.05

# Seconds from a refusal to one more try with the same token, in a governor with replicas. A leader that was deposed and
# does not know it may have refused an entry that its successor stored. The waiter has a slot then, and gets no wake-up.
_RECHECK_AFTER = 10.0


class Advice(Enum):
    """What a waiter is to do after a look: wait on, send ``Lookout.wake_ups`` wake-ups, or try to enter."""

    WAIT = "wait"
    WAKE = "wake"
    TRY = "try"


class Lookout:
    """The looks of one waiter: when the next one is, and what to do after it.

    ``next_look`` is a time of the clock. ``queue`` and ``position`` are as of the last look, and None before the first
    one, unless ``note_count`` sets them. ``position`` is about the waiter's number in the queue, 1 for the next to be
    woken; waiters that were woken in vain come before it again. ``wake_ups`` is how many to send after Advice.WAKE.
    ``subject`` is where the governor is known to listen. ``interval`` is in seconds, None for 5.
    """

    def __init__(self, timing: Timing, subject: str, interval: float | None) -> None:
        self.queue: QueueState | None = None
        self.position: int | None = None
        self.next_look = 0.0
        self.wake_ups = 0
        self._timing = timing
        self.subject = subject
        self._interval = _LOOK_EVERY if interval is None else interval
        self._refused_at: float | None = None
        self._recheck_after = 0.0
        self._last_seq: int | None = None
        self._entered_past_queue = 0
        self._empty_looks = 0
        self._joined_at = 0.0
        self._looked = False
        self._failed_looks = 0

    def note_join(self) -> None:
        """Note that the waiter has just joined the queue, at its end."""
        self._joined_at, self._looked = self._timing.clock(), False
        self.position, self._last_seq, self._entered_past_queue, self._empty_looks = None, None, 0, 0
        self.next_look = self._timing.clock() + self.jittered(min(_FIRST_LOOK, self._interval))

    def note_count(self, queue: QueueState) -> None:
        """Note the queue as it was just after the waiter joined it. By the first look, others have joined behind it.

        Does nothing after the first look.
        """
        if not self._looked:
            self.queue, self.position = queue, max(1, queue.waiting)

    def position_in(self, queue: QueueState) -> int | None:
        """Return the waiter's number in ``queue``, as moved on since the last look. None when it is not known yet."""
        if self.queue is None or self.position is None:
            return None
        return max(1, min(self.position - (queue.delivered - self.queue.delivered), queue.waiting))

    def note_refusal(self) -> None:
        """Note that a try was refused just now, other than one that ``advise`` has asked for."""
        self._refused_at = self._timing.clock()
        self._recheck_after = self.jittered(_RECHECK_AFTER)

    def note_missing_queue(self) -> None:
        """Note that the governor has no queue: nobody waits in it either."""
        self.queue = None

    def look_again_within(self, seconds: float | None) -> None:
        """Look sooner than planned, because a holder may be dead. Does nothing for None."""
        if seconds is not None:
            self.next_look = min(self.next_look, self._timing.clock() + seconds)

    def note_failed_look(self) -> None:
        """Note that a look got no answer. The next one is after 1, 2, 4, ... s: the server may be overloaded."""
        pause = min(_FIRST_LOOK * 2**self._failed_looks, self._regular_pause())
        self.next_look = self._timing.clock() + self.jittered(pause)
        self._failed_looks += 1

    def use_shared_look(self, state: State, queue: QueueState, since: float) -> bool:
        """Use what another waiter has seen at the time ``since`` in place of this waiter's first look.

        Return False, and do nothing, when this waiter has looked already or has joined the queue later than that.
        """
        if self._looked or since < self._joined_at:
            return False
        self._record(state, queue)
        self.next_look = since + self._until_next_look(state, queue.waiting, first=True)
        return True

    def advise(self, state: State, queue: QueueState) -> Advice:
        """Return what to do about what a look has just seen, and set the time of the next look."""
        first, self._failed_looks = not self._looked, 0
        woken = queue.delivered - self.queue.delivered if self.queue and self.position else 0
        entered = state.last_seq - self._last_seq if self._last_seq is not None else 0
        self._record(state, queue)
        self.next_look = self._timing.clock() + self._until_next_look(state, queue.waiting, first)
        if state.config.paused:
            # Its empty slots are nobody's, and a try would tell nothing.
            self._empty_looks = 0
            return Advice.WAIT
        if self._others_enter(entered - woken, state.config.limit) or state.config.subject != self.subject:
            return Advice.TRY
        if state.active >= state.config.limit:
            self._empty_looks = 0
            return self._recheck(state)
        # A wake-up that is passed on from one dead waiter to the next is delivered again each time, and fills no slot.
        moves = entered if queue.redelivered else woken
        return self._advise_on_empty(state.config.limit - state.active, moves > 0)

    def _record(self, state: State, queue: QueueState) -> None:
        self.position = self.position_in(queue) or max(1, queue.waiting)
        self.queue, self._last_seq, self._looked = queue, state.last_seq, True

    def jittered(self, seconds: float) -> float:
        """Return the duration with random jitter, from 50 to 150 % of it."""
        return seconds * (0.5 + self._timing.random())

    @property
    def stretch(self) -> float:
        """The factor by which each waiter asks less often because many wait; 1 for up to 25."""
        return max(1.0, self.queue.waiting / _LOOKERS) if self.queue else 1.0

    @property
    def may_rise(self) -> bool:
        """Whether the queue knows priorities. In others, and while that is not known, a new request is at the end."""
        return self.queue is not None and self.queue.prioritized

    def _regular_pause(self) -> float:
        return self._interval * self.stretch

    def _others_enter(self, more: int, limit: int) -> bool:
        """Return whether clients enter that were not woken in the queue.

        ``more`` is by how much the entries since the last look outnumber the wake-ups. Up to ``limit`` waiters may have
        been woken before that look, and have entered after it.
        """
        self._entered_past_queue = max(0, self._entered_past_queue + more)
        if self._entered_past_queue <= limit:
            return False
        self._entered_past_queue = limit
        return True

    def _advise_on_empty(self, slots: int, moves: bool) -> Advice:
        """Return what to do about empty slots. ``moves`` is whether the queue has moved since the last look."""
        if self._empty_looks and moves:
            # The slot was on its way to a waiter in the queue.
            self._empty_looks = 0
            return Advice.WAIT
        self._empty_looks += 1
        self.next_look = self._timing.clock() + _SECOND_LOOK
        if self._empty_looks == 1:
            return Advice.WAIT
        if self._nobody_answers():
            # To wait half a second for each of them would take long: wake 1, 2, 4, ... more, until one answers.
            self.wake_ups = 2 ** (self._empty_looks - 2)
            return Advice.WAKE
        self.wake_ups = slots
        return Advice.WAKE if self._empty_looks == 2 else Advice.TRY

    def _nobody_answers(self) -> bool:
        """Return whether wake-ups are passed on from one waiter to the next, and some have not been woken yet."""
        return self.queue is not None and self.queue.redelivered > 0 and self.queue.waiting > 0

    def _until_next_look(self, state: State, waiting: int, first: bool) -> float:
        # Waiters that join together have their first look together. It spreads them over the interval.
        pause = self._regular_pause()
        regular = self._timing.random() * pause if first else self.jittered(pause)
        if not state.config.max_age:
            return regular
        after = _AFTER_EXPIRY * (1 + self._timing.random() * waiting)
        # In an empty governor, the entry that is made next is the first one to expire.
        expires_in = state.config.max_age if state.expires_in is None else state.expires_in
        return min(regular, max(0.0, expires_in) + after)

    def _recheck(self, state: State) -> Advice:
        if self._refused_at is None or state.config.replicas == 1:
            return Advice.WAIT
        recheck_at = self._refused_at + self._recheck_after * self.stretch
        if self._timing.clock() < recheck_at:
            self.next_look = min(self.next_look, recheck_at)
            return Advice.WAIT
        self._refused_at = None
        return Advice.TRY
