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

from .jetstream import JetStream
from .names import any_waiting_subject, waiting_subject
from .urgency import NORMAL, PRIORITIES

if TYPE_CHECKING:
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
    """The answers of one waiter, from ``give`` to ``stop``."""

    def __init__(self, js: JetStream, priority: str) -> None:
        self._js = js
        self._priority = priority
        self._subscriptions: list[Subscription] = []

    @classmethod
    async def give(cls, js: JetStream, name: str, priority: str) -> Sign:
        """Answer from now on that one waits for governor ``name``. Where the user may not, nobody gets an answer."""
        from nats.errors import Error

        sign = cls(js, priority)
        with contextlib.suppress(Error):
            sign._subscriptions.append(await js.nc.subscribe(waiting_subject(name), cb=sign._answer))
            sign._subscriptions.append(await js.nc.subscribe(any_waiting_subject(name), queue=_ANY, cb=sign._answer))
        return sign

    async def stop(self) -> None:
        """Answer no more."""
        from nats.errors import Error

        for each in self._subscriptions:
            with contextlib.suppress(Error):
                await each.unsubscribe()

    async def _answer(self, question: Msg) -> None:
        from nats.errors import Error

        if question.reply:
            with contextlib.suppress(Error):
                await self._js.nc.publish(question.reply, self._priority.encode())


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
                message = await asyncio.wait_for(heard.get(), _QUIET)
                if (message.headers or {}).get("Status") == "503":
                    return []
                answers.append(message.data.decode(errors="replace"))
        finally:
            await subscription.unsubscribe()
    except (Error, asyncio.TimeoutError):
        pass
    return answers or None
