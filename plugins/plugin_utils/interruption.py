# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a worker of Ansible does when it is told to end while it waits for a slot or holds one.

ansible-core ends its workers by SIGINT and SIGTERM: from 2.19 on its handlers kill the worker's process group at once,
before that nothing catches SIGTERM. ``finally`` blocks do not run either way. A task's ``timeout`` is an alarm.
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

from .local_work import end_local_work

_TO_END = (signal.SIGINT, signal.SIGTERM)

# How long a process that was told to end may go on trying to release its slot.
_GIVE_UP_AFTER = 15.0


class Interrupted(BaseException):
    """A signal came in the wait; nothing is held. Leaving ``Interruptions`` does then what the signal was to do."""


class Interruptions:
    """One handler for all signals from before the wait until the slot is released, so that none falls in between.

    In the wait a signal wakes the waiter. At work it ends the local work, then the slot is released, then the process
    ends; but the alarm raises what it raises without a slot. At any other moment it is put off to the context's end.
    Processes that the work has forked inherit the handler, and not the slot: they do what the signal was to do.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._came: Optional[int] = None
        self._told_to_end = math.inf
        self._saved: dict[int, Any] = {}
        self._wake: Callable[[], Any] = _nothing
        self._release: Optional[Callable[[], Any]] = None

    @property
    def overdue(self) -> bool:
        """Whether the process was told to end so long ago that it gives up what it still tries."""
        return time.monotonic() >= self._told_to_end + _GIVE_UP_AFTER

    def __enter__(self) -> Interruptions:
        _lead_a_session()
        for number in (*_TO_END, signal.SIGALRM):
            handler = signal.getsignal(number)
            # Without a handler of Ansible's there is no timeout; and what is ignored is to stay so.
            if callable(handler) or (number in _TO_END and handler == signal.SIG_DFL):
                self._saved[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._saved.items():
            signal.signal(number, handler)
        if self._came is not None:
            self._do_as_saved(self._came, None)

    @contextlib.contextmanager
    def waiting(self, wake: Callable[[], Any]) -> Iterator[None]:
        """A signal calls ``wake``; raises Interrupted at the end if one came."""
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
        """A signal ends the work. ``release`` is called in a thread, in the midst of what the work was doing."""
        self._release = release
        try:
            if self._came is not None:
                self._on_signal(self._came, None)
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

    def _put_off(self, number: int) -> None:
        # To end is more than to have taken too long.
        if self._came not in _TO_END:
            self._came = number
            if number in _TO_END:
                self._told_to_end = time.monotonic()
        self._wake()

    def _end_work(self, release: Callable[[], Any], number: int, frame: FrameType | None) -> None:
        try:
            if number in _TO_END:
                # What comes from now on is put off.
                self._release = None
                end_local_work()
                _in_a_thread(release)
        finally:
            # Whatever else came in the meantime ends the same process.
            self._came = None
            self._do_as_saved(number, frame)

    def _do_as_saved(self, number: int, frame: FrameType | None) -> None:
        handler = self._saved[number]
        signal.signal(number, handler)
        if callable(handler):
            handler(number, frame)
        else:
            os.kill(os.getpid(), number)


def _nothing() -> None:
    pass


def _in_a_thread(release: Callable[[], Any]) -> None:
    # In this one the work may be running an event loop, and there is no other beside it. A fork would be no better: it
    # waits for locks that the interrupted work holds, and without a bound.
    thread = threading.Thread(target=release, daemon=True)
    thread.start()
    thread.join(_GIVE_UP_AFTER)


def _lead_a_session() -> None:
    # Workers do from 2.19 on. Before that they share ansible-playbook's group and terminal: Ctrl-C would reach the work
    # beside the worker. With only a group of its own, what asks something at the terminal would be stopped for ever.
    if os.getpgrp() != os.getpid():
        os.setsid()
