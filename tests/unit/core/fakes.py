# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock that only sleeping moves, and a stack that answers as a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, Callable, NamedTuple, Optional, Union, cast

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Desired, plan
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack, State
from ansible_collections.jetstream.governor.plugins.module_utils.core.timing import Timing

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


class FakeTime:
    """``now`` moves when somebody sleeps, and when a test moves it. The random number is in the middle of its range.

    ``asleep``, where a test sets it, is set when somebody sleeps.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.asleep: Optional[asyncio.Event] = None
        self.timing = Timing(clock=lambda: self.now, sleep=self._sleep, random=lambda: 0.5)

    async def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds
        if self.asleep:
            self.asleep.set()
        # Others run meanwhile, as they would.
        await asyncio.sleep(0)


class Entering(NamedTuple):
    """One call of ``FakeStack.enter``."""

    subject: str
    holder: str
    owner: Optional[str]
    token: str


# What one call does: returns a sequence or None (full), raises, or whatever the function does.
Outcome = Union[None, int, GovernorError, Callable[[], Awaitable[Optional[int]]]]


class FakeStack:
    """Each call of ``enter`` has the next outcome; when they run out, the last one stays."""

    def __init__(self, *outcomes: Outcome, state: Union[State, GovernorError], entries: Sequence[Entry] = ()) -> None:
        self.js: Optional[JetStream] = None
        self.entered: list[Entering] = []
        self.removed: list[int] = []
        self.now: Union[State, GovernorError] = state
        self._entries = list(entries)
        self._outcomes: Iterator[Outcome] = iter(outcomes)
        self._last: Outcome = outcomes[-1]

    async def enter(self, subject: str, holder: str, owner: Optional[str], token: str) -> Optional[int]:
        self.entered.append(Entering(subject, holder, owner, token))
        outcome = next(self._outcomes, self._last)
        if isinstance(outcome, GovernorError):
            raise outcome
        return await outcome() if callable(outcome) else outcome

    async def state(self) -> State:
        if isinstance(self.now, GovernorError):
            raise self.now
        return self.now

    async def entries(self) -> list[Entry]:
        return self._entries

    async def remove(self, seq: int, check: Callable[[Entry], None]) -> Optional[Entry]:
        mine = Entry(seq, self.entered[-1].holder, self.entered[-1].owner, self.entered[-1].token, NOON)
        check(mine)
        self.removed.append(seq)
        return mine

    @property
    def tokens(self) -> list[str]:
        return [each.token for each in self.entered]


def a_state(active: int = 0, limit: int = 2, **rest: Any) -> State:
    """Governor ``g`` with so many active entries at noon."""
    config = plan("g", None, Desired(limit=limit, max_age=60.0, **rest)).after
    return State(config, config.to_stream(), active, active, NOON if active else None, NOON, NOON, clustered=False)


def an_entry(seq: int, holder: str, age: float) -> Entry:
    return Entry(
        seq, holder, f"r/{holder}", f"token-{seq}", datetime.fromtimestamp(NOON.timestamp() - age, timezone.utc)
    )


def governor(time: FakeTime, stack: FakeStack, **options: Any) -> Governor:
    """A governor on that stack and clock; it has no connection."""
    made = Governor("g", JetStream(nc=cast("Any", None), timing=time.timing, patience=15.0), **options)
    stack.js = made.js
    made.stack = cast(Stack, stack)
    return made
