# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""End a worker of Ansible in good order when a signal comes while it waits for a slot or holds one.

ansible-core ends its workers by SIGINT and SIGTERM. From 2.19 on its handlers kill the worker's process group at once;
before that, nothing catches SIGTERM. Either way no ``finally`` block runs. The ``timeout`` of a task is an alarm.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Optional

from ._local_work import end_local_work

_TO_END = (signal.SIGINT, signal.SIGTERM)
_TO_STOP = signal.SIGUSR1

# Seconds for which a process that was told to end may go on trying to release its slot.
_GIVE_UP_AFTER = 15.0


class SlotLost(BaseException):
    """The slot was lost while the work went on, and the local work has been ended. Raised in the midst of the work."""


class Interrupted(BaseException):
    """A signal came during the wait, and nothing is held. Leaving ``Interruptions`` does what the signal was to do."""


class Interruptions:
    """A context with one handler for all signals, from before the wait until the slot is released.

    A signal during the wait wakes the waiter. During the work it ends the local work, releases the slot and ends the
    process, except for the alarm, which raises what it would raise without a slot. At any other moment it is put off
    until the context ends. Processes that the work has forked inherit the handler, but not the slot: there a signal
    does what it would do without a handler.

    SIGUSR1 comes from the keeper: some slot of this process is lost. Where it is the one of this context, it ends the
    local work and raises SlotLost in the work; ``stopped`` tells so, also where the work swallows that. Another one is
    that of a governed task around this one.
    """

    def __init__(self, lost: Callable[[], Any] | None = None) -> None:
        """Note which process this is; the handlers are set on the way in.

        ``lost`` tells whether the slot is lost. None where the work is to go on all the same.
        """
        self._pid = os.getpid()
        self._lost: Callable[[], Any] = lost or _nothing
        self._stops = lost is not None
        self.stopped = False
        self._came: Optional[int] = None
        self._told_to_end = math.inf
        self._saved: dict[int, Any] = {}
        self._wake: Callable[[], Any] = _nothing
        self._release: Optional[Callable[[], Any]] = None

    @property
    def overdue(self) -> bool:
        """Tell whether the process was told to end so long ago that it should give up what it still tries."""
        return time.monotonic() >= self._told_to_end + _GIVE_UP_AFTER

    def __enter__(self) -> Interruptions:
        """Set the handler, and let this process lead a session, so that a Ctrl-C reaches the work through it."""
        _lead_a_session()
        for number in (*_TO_END, signal.SIGALRM):
            handler = signal.getsignal(number)
            # Ansible has a handler for the alarm only where the task has a timeout. An ignored signal stays ignored.
            if callable(handler) or (number in _TO_END and handler == signal.SIG_DFL):
                self._saved[number] = signal.signal(number, self._on_signal)
        if self._stops:
            self._saved[_TO_STOP] = signal.signal(_TO_STOP, self._on_lost)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Set the saved handlers again, and do what a signal that was put off was to do."""
        for number, handler in self._saved.items():
            # The keeper's signal may be on its way still, and would kill a process that has no handler for it.
            if number != _TO_STOP or callable(handler):
                signal.signal(number, handler)
        if self._came is not None:
            self._do_as_saved(self._came, None)

    @contextlib.contextmanager
    def waiting(self, wake: Callable[[], Any]) -> Iterator[None]:
        """Let a signal call ``wake``. Raises Interrupted on the way out if one came."""
        self._wake = wake
        try:
            if self._came is not None:
                wake()
            yield
        finally:
            self._wake = _nothing
            if self._came is not None:
                raise Interrupted from None

    @contextlib.contextmanager
    def working(self, release: Callable[[], Any]) -> Iterator[None]:
        """Let a signal end the work.

        ``release`` is then called in a thread, while the work stands still in the middle of what it was doing.
        """
        self._release = release
        try:
            if self._came is not None:
                self._on_signal(self._came, None)
            elif self._lost():
                self._stop()
            yield
        finally:
            self._release = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        release = self._release
        if os.getpid() != self._pid:
            self._do_as_saved(number, frame)
        elif release is None:
            self._put_off(number)
        else:
            self._end_work(release, number, frame)

    def _on_lost(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return
        if not self._lost():
            if callable(self._saved[number]):
                self._on_signal(number, frame)
        elif self._release is not None:
            self._stop()

    def _stop(self) -> None:
        # Signals that come from now on are put off.
        self._release, self.stopped = None, True
        end_local_work()
        raise SlotLost

    def _put_off(self, number: int) -> None:
        # A signal to end counts for more than the alarm.
        if self._came not in _TO_END:
            self._came = number
            if number in _TO_END:
                self._told_to_end = time.monotonic()
        self._wake()

    def _end_work(self, release: Callable[[], Any], number: int, frame: FrameType | None) -> None:
        try:
            if number in _TO_END:
                # Signals that come from now on are put off.
                self._release = None
                end_local_work()
                _in_a_thread(release)
        finally:
            # Another signal that came in the meantime has nothing left to do: this one ends the process.
            self._came = None
            self._do_as_saved(number, frame)

    def _do_as_saved(self, number: int, frame: FrameType | None) -> None:
        handler = self._saved[number]
        signal.signal(number, handler)
        if callable(handler):
            handler(number, frame)
        else:
            os.kill(os.getpid(), number)


def _nothing() -> Any:
    pass


def _in_a_thread(release: Callable[[], Any]) -> None:
    # The work may be running an event loop in this thread, which cannot run a second one. Nor would a fork do: it would
    # wait without a bound for locks that the interrupted work holds.
    thread = threading.Thread(target=release, daemon=True)
    thread.start()
    thread.join(_GIVE_UP_AFTER)


def _lead_a_session() -> None:
    # Workers lead a session from 2.19 on. Before that they share ansible-playbook's group and terminal, so that Ctrl-C
    # reaches the work beside the worker. A group of its own would not be enough: work that asks something at the
    # terminal would be stopped for ever.
    if os.getpgrp() != os.getpid():
        os.setsid()
