# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock that only sleeping moves, and a stack and a connection that answer as a test tells them to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any, Callable, NamedTuple, Optional, Union, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.config import Desired, plan_change
from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import Entry
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import Queue, QueueState
from ansible_collections.jetstream.governor.plugins.module_utils.core.slot import Slot
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Refusal, Stack
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.plugins.module_utils.core.timing import Timing
from ansible_collections.jetstream.governor.plugins.module_utils.core.waiter import Waiter

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


class FakeTime:
    """``now`` moves when somebody sleeps, and when a test moves it. The random number is in the middle of its range.

    ``asleep``, where a test sets it, is set when somebody sleeps. What is to happen ``at`` a time happens then, in the
    midst of whoever sleeps.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.asleep: Optional[asyncio.Event] = None
        self.timing = Timing(clock=lambda: self.now, sleep=self._sleep, random=lambda: 0.5)
        self._events: list[tuple[float, Callable[[], Awaitable[None]]]] = []

    def at(self, moment: float, happens: Callable[[], Awaitable[None]]) -> None:
        self._events.append((moment, happens))
        self._events.sort(key=lambda event: event[0])

    def set_at(self, moment: float, thing: object, **values: Any) -> None:
        """Then the thing has these values."""

        async def happens() -> None:
            for name, value in values.items():
                setattr(thing, name, value)

        self.at(moment, happens)

    async def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, happens = self._events.pop(0)
            await happens()
            # Whoever waited for this goes on first, and may end this sleep.
            for _each in range(5):
                await asyncio.sleep(0)
        self.now = end
        if self.asleep:
            self.asleep.set()
        # Others run meanwhile, as they would.
        await asyncio.sleep(0)


Receive = Callable[[Any], Awaitable[None]]


class FakeSubscription:
    """One subject on which a connection listens."""

    def __init__(self, nats: FakeNats, subject: str, receive: Receive) -> None:
        self._nats = nats
        self.subject = subject
        self.receive = receive

    async def unsubscribe(self) -> None:
        self._nats.subscribed.remove(self)

    async def drain(self) -> None:
        """What is on its way arrives before the end."""
        await self._nats.on_its_way(self)
        await self.unsubscribe()


class FakeNats:
    """A connection without a server. Nobody answers pull requests, which says that there is no queue.

    ``queue`` is what a look at the queue of governor ``g`` finds: None where there is none, a number for an error.
    """

    is_closed = False
    is_connected = True

    def __init__(self, version: tuple[int, int, int] = (2, 14, 0)) -> None:
        major, minor, patch = version
        self.connected_server_version = SimpleNamespace(major=major, minor=minor, patch=patch)
        self.connected_url = SimpleNamespace(netloc="127.0.0.1:4222")
        self.queue: Union[QueueState, int, None] = None
        self.published: list[tuple[str, bytes]] = []
        self.last_error: Optional[Exception] = None
        self.subscribed: list[FakeSubscription] = []
        self.wake_ups = 0

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def subscribe(self, subject: str, cb: Receive, queue: str = "") -> FakeSubscription:
        self.subscribed.append(FakeSubscription(self, f"{subject} {queue}".rstrip(), cb))
        return self.subscribed[-1]

    @property
    def receive(self) -> Optional[Receive]:
        """Who listens for wake-ups; None for nobody."""
        inboxes = [each for each in self.subscribed if each.subject.startswith("_INBOX.")]
        return inboxes[-1].receive if inboxes else None

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        self.published.append((subject, payload))
        if reply:
            await self.pulled()

    async def pulled(self) -> None:
        await self.send(status="503")

    async def on_its_way(self, given_up: FakeSubscription) -> None:
        """What happens while a subscription is given up."""

    async def send(self, status: Optional[str] = None) -> None:
        """To whoever waits: a status, or a wake-up, which has a number."""
        assert self.receive is not None, "nobody has joined the queue"
        if status:
            await self.receive(SimpleNamespace(headers={"Status": status}, reply=""))
        else:
            self.wake_ups += 1
            await self.receive(SimpleNamespace(headers=None, reply=f"$JS.ACK.{self.wake_ups}"))

    async def request(self, subject: str, *_rest: Any, **_more: Any) -> Any:
        assert subject == "$JS.API.CONSUMER.INFO.GOVQUEUE_g.queue"
        answer: dict[str, Any] = {"error": {"err_code": self.queue or 10059}}
        if isinstance(self.queue, QueueState):
            answer = {
                "config": {"priority_policy": "prioritized"} if self.queue.prioritized else {},
                "num_waiting": self.queue.waiting,
                "delivered": {"consumer_seq": self.queue.delivered},
                "num_ack_pending": self.queue.ack_pending,
                "num_redelivered": self.queue.redelivered,
            }
        return SimpleNamespace(data=json.dumps(answer))

    def count(self, subject: str) -> int:
        return sum(each == subject for each, _payload in self.published)


class QueueNats(FakeNats):
    """A connection to a server where governor ``g`` has a queue: a pull request waits until a wake-up is sent."""

    def __init__(self, waiting: int = 1) -> None:
        super().__init__()
        self.queue = QueueState(waiting, delivered=0)

    async def pulled(self) -> None:
        if not isinstance(self.queue, QueueState):
            await super().pulled()

    def beats(self, time: FakeTime) -> None:
        """For more than a minute, the server says that the place is still there."""
        for moment in range(1004, 1070, 4):
            time.at(moment, partial(self.send, "100"))


class Publishing(NamedTuple):
    """One call of ``FakeStack.publish``."""

    subject: str
    holder: str
    owner: Optional[Owner]
    token: str


# What one call does: returns a sequence, None (full) or another refusal, raises, or whatever the function returns.
Answered = Union[None, int, Refusal, GovernorError]
Outcome = Union[Answered, Callable[[], Awaitable[Answered]]]


class FakeStack:
    """Each call of ``publish`` has the next outcome; when they run out, the last one stays."""

    def __init__(self, *outcomes: Outcome, state: Union[State, GovernorError], entries: Sequence[Entry] = ()) -> None:
        self.js: Optional[JetStream] = None
        self.entered: list[Publishing] = []
        self.removed: list[int] = []
        self.name = "g"
        self.now: Union[State, GovernorError] = state
        self.holding = list(entries)
        self.settles: Optional[GovernorError] = None
        self.queue: Optional[Queue] = None
        self._outcomes: Iterator[Outcome] = iter(outcomes)
        self._last: Outcome = outcomes[-1]

    async def publish(
        self,
        subject: str,
        holder: str,
        owner: Optional[Owner],
        token: str,
        *,
        lease: Optional[float],  # noqa: ARG002
        domain: Optional[str],  # noqa: ARG002
    ) -> Union[int, Refusal]:
        self.entered.append(Publishing(subject, holder, owner, token))
        outcome = next(self._outcomes, self._last)
        if callable(outcome):
            outcome = await outcome()
        if isinstance(outcome, GovernorError):
            raise outcome
        return Refusal.FULL if outcome is None else outcome

    async def state(self) -> State:
        if isinstance(self.now, GovernorError):
            raise self.now
        return self.now

    async def moved(self, subject: str, was_there: bool) -> State:
        return await Stack.moved(cast(Stack, self), subject, was_there)

    async def trusted_state(self) -> State:
        return await self.state()

    async def wait_for_pending(self) -> None:
        if self.settles is not None:
            raise self.settles

    async def entries(self, most: Optional[int] = None) -> list[Entry]:
        return self.holding[:most]

    async def find(self, wanted: Callable[[Entry], bool]) -> Optional[Entry]:
        return next((entry for entry in await self.entries() if wanted(entry)), None)

    def with_token(self, token: str) -> Callable[[Entry], None]:
        return Stack.with_token(cast(Stack, self), token)

    async def delete_own(self, seq: int, _token: str, _in_doubt: bool = False) -> bool:
        self.removed.append(seq)
        return True

    async def delete(self, seq: int, check: Callable[[Entry], None]) -> Optional[Entry]:
        mine = Entry(seq, self.entered[-1].holder, self.entered[-1].owner, self.entered[-1].token, NOON)
        check(mine)
        self.removed.append(seq)
        return mine

    @property
    def tokens(self) -> list[str]:
        return [each.token for each in self.entered]


def full_until(time: FakeTime, moment: float) -> Outcome:
    """For all tries: the first one from then on gets slot 5."""

    async def act() -> Optional[int]:
        return 5 if time.now >= moment else None

    return act


def a_state(active: int = 0, limit: int = 2, leader: Optional[str] = None, **rest: Any) -> State:
    """Governor ``g`` with so many active entries, made at noon, which it is. Its queue has not been looked at.

    It has leases only where ``rest`` says so. With a ``leader`` it is in a cluster.
    """
    desired = Desired(**{"limit": limit, "max_age": 60.0, "lease": False, **rest})
    config = replace(plan_change("g", None, desired, "").after, queue="unknown")
    since = NOON if active else None
    stream = {**config.to_stream(), "duplicate_window": 120 * 10**9}
    return State(config, stream, active, active, since, NOON, NOON, oldest=since, clustered=bool(leader), leader=leader)


def an_entry(seq: int, holder: str, age: float) -> Entry:
    return Entry(
        seq,
        holder,
        Owner("r", holder, holder),
        f"token-{seq}",
        datetime.fromtimestamp(NOON.timestamp() - age, timezone.utc),
    )


class Watched(Governor):
    """A governor that keeps the waits of those who campaign in it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.waits: list[Waiter] = []

    def new_waiter(self, *args: Any) -> Waiter:
        self.waits.append(super().new_waiter(*args))
        return self.waits[-1]


def governor(time: FakeTime, stack: FakeStack, nats: Optional[FakeNats] = None, **options: Any) -> Watched:
    """A governor on that stack and clock; it has no server, and no queue unless the connection has it."""
    js = JetStream(nc=cast("Any", nats or FakeNats()), timing=time.timing, patience=15.0)
    made = Watched("g", js, **options)
    stack.js = made.js
    stack.queue = Queue("g", made.js)
    made.stack = cast(Stack, stack)
    return made


def start(time: FakeTime, stack: FakeStack, nats: FakeNats, timeout: float = 600, **options: Any) -> Slot:
    """Wait over that connection until the stack has a slot."""
    given = {name: options.pop(name) for name in ("priority", "ageing") if name in options}
    return asyncio.run(governor(time, stack, nats, **options).start("web01", timeout=timeout, **given))


def failure(time: FakeTime, stack: FakeStack, nats: FakeNats, timeout: float = 600, **options: Any) -> GovernorError:
    """What ends the wait; nothing listens any more then."""
    with pytest.raises(GovernorError) as caught:
        start(time, stack, nats, timeout, **options)
    assert nats.receive is None, "it still listens"
    return caught.value
