# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many wait with which priority. JetStream tells how many wait in a queue, and not with which priority.

So those who wait with another priority than the normal one are asked. The others are the rest, and are not burdened.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .jetstream import JetStream
from .names import any_waiting_subject, waiting_subject
from .timing import outcome
from .urgency import NORMAL, PRIORITIES

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

# So many are asked, each of whom gets the question of each other. In a longer queue one of them is asked.
_MOST = 100

# Seconds without another answer after which there is none to come, and the most in all.
_QUIET = 0.2
_ENOUGH = 2.0

# Those who are asked in place of all of them: the server chooses one.
_ANY = "any"


class Sign:
    """One waiter that is counted, from ``give`` to ``stop``.

    Those who wait for one governor over one connection answer together: a user who may only respond may send one answer
    to each question.
    """

    def __init__(self, js: JetStream, name: str, priority: str) -> None:
        self._nc = js.nc
        self._name = name
        self._priority = priority
        self._group: _Group | None = None

    async def give(self) -> None:
        """Be counted from now on. Where the user may not listen for the question, nobody gets an answer."""
        groups = _groups.setdefault(self._nc, {})
        self._group = groups.setdefault(self._name, _Group(self._nc))
        self._group.priorities.append(self._priority)
        if len(self._group.priorities) == 1:
            await self._group.listen(self._name)

    async def stop(self) -> None:
        """Be counted no more."""
        group, self._group = self._group, None
        if group is None:
            return
        group.priorities.remove(self._priority)
        if not group.priorities:
            _groups.get(self._nc, {}).pop(self._name, None)
            await group.end()


class _Group:
    """The ``priorities`` of those who wait for one governor over one connection, each as often as there is one."""

    def __init__(self, nc: Client) -> None:
        self.priorities: list[str] = []
        self._nc = nc
        self._subscriptions: list[Subscription] = []

    async def listen(self, name: str) -> None:
        from nats.errors import Error

        with contextlib.suppress(Error):
            self._subscriptions.append(await self._nc.subscribe(waiting_subject(name), cb=self._answer))
            self._subscriptions.append(await self._nc.subscribe(any_waiting_subject(name), queue=_ANY, cb=self._answer))

    async def end(self) -> None:
        from nats.errors import Error

        for each in self._subscriptions:
            with contextlib.suppress(Error):
                await each.unsubscribe()

    async def _answer(self, question: Msg) -> None:
        from nats.errors import Error

        if question.reply:
            with contextlib.suppress(Error):
                await self._nc.publish(question.reply, " ".join(self.priorities).encode())


_groups: WeakKeyDictionary[Client, dict[str, _Group]] = WeakKeyDictionary()


async def count_by_priority(js: JetStream, name: str, waiting: int, everyone: bool = False) -> dict[str, int] | None:
    """Return how many of those ``waiting`` in a queue that knows priorities have which one.

    None where this is not known: nobody answers, or more than 100 wait, not all of them normal, unless ``everyone`` is
    to be asked. Whoever does not answer within a fifth of a second counts as normal.
    """
    asks_all = everyone or waiting <= _MOST
    answers = await _ask(js, waiting_subject(name) if asks_all else any_waiting_subject(name), asks_all)
    if answers is None or (answers and not asks_all):
        return None
    counts = {priority: answers.count(priority) for priority in PRIORITIES}
    counts[NORMAL] = max(0, waiting - len(answers))
    return counts


async def _ask(js: JetStream, subject: str, all_of_them: bool) -> list[str] | None:
    """Return what was answered; None where nobody answers, and the server does not say that nobody listens."""
    from nats.errors import Error

    heard: asyncio.Queue[Msg] = asyncio.Queue()
    answers: list[str] = []
    inbox = js.nc.new_inbox()
    try:
        subscription = await js.nc.subscribe(inbox, cb=heard.put)
        try:
            await js.nc.publish(subject, reply=inbox)
            until = asyncio.get_running_loop().time() + _ENOUGH
            while asyncio.get_running_loop().time() < until and (all_of_them or not answers):
                message = await outcome(heard.get(), _QUIET)
                if (message.headers or {}).get("Status") == "503":
                    return []
                answers += message.data.decode(errors="replace").split()
        finally:
            await subscription.unsubscribe()
    except (Error, asyncio.TimeoutError):
        pass
    return answers or None
