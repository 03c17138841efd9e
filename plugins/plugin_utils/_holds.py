# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The slots around work that is not asynchronous: acquire all, work, release all, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..module_utils._connection import connected
from ..module_utils._governors import load
from ..module_utils.core.errors import GovernorError, NoVerdict, UnknownGovernor
from ..module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ..module_utils.core.several import Several
from ..module_utils.core.stack import Stack
from ..module_utils.core.timing import Timing
from ._hold import Hold, HoldRequest
from ._interruption import Interruptions

# Seconds between two looks whether ansible-playbook is still there, and whether the process was told to end.
_LOOK_EVERY = 0.5

# The slots under which work goes on in this process: of governed tasks inside each other, the outer ones first.
_at_work: list[Hold] = []


class Orphaned(GovernorError):
    """The ansible-playbook that this process works for is gone."""


class Holds:
    """The slots of one governed task, all at one server, held from ``acquire`` to ``release``.

    No connection to NATS is open and no loop runs in between.
    """

    def __init__(self, requests: Sequence[HoldRequest], inside: Collection[str] = ()) -> None:
        """Make it, without slots so far. ``inside`` are the governors of governed tasks inside the work.

        Raises InvalidValue for a holder or host that no entry could carry.
        """
        self._holds = [Hold(request) for request in requests]
        self._settings = requests[0].settings
        self._campaign = requests[0].campaign
        self._inside = sorted(inside)
        self._several: Several | None = None

    def __iter__(self) -> Iterator[Hold]:
        """Iterate over the slots, in the order in which the task names their governors."""
        return iter(self._holds)

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of each slot so far; see ``governed_result``."""
        return [hold.facts() for hold in self._holds]

    def facts_with(self, exc: GovernorError) -> list[dict[str, Any]]:
        """Return what is known of each slot after this error: its facts are of the slot that was not acquired."""
        missing = self._several.missing if self._several is not None else None
        name = missing.name if missing is not None else self._holds[0].name
        return [{**hold.facts(), **(exc.facts if hold.name == name else {})} for hold in self._holds]

    def lost(self) -> str | None:
        """Return why a slot is lost as far as the keeper has told by now; None while all are held."""
        return next((why for why in [hold.lost() for hold in self._holds] if why is not None), None)

    def look(self) -> list[UnknownGovernor]:
        """Read the governors and acquire nothing. Return an error for each that does not exist.

        Raises what ``acquire`` would raise before it waits for other reasons.
        """
        return asyncio.run(self._look())

    def acquire(self, interruptions: Interruptions) -> None:
        """Wait for a slot in each governor, or go on under those that an earlier attempt has kept.

        Raises what ``Several.start`` raises, Orphaned and Interrupted. Nothing is held then, but for kept slots.
        """
        try:
            # It starts while this process connects.
            for hold in self._holds:
                hold.meet_keeper()
            asyncio.run(self._wait(interruptions))
        except BaseException:
            # A slot may have come at the last moment.
            self.release([hold for hold in self._holds if not hold.goes_on], interruptions)
            for hold in self._holds:
                if hold.goes_on:
                    hold.keep()
                hold.part_from_keeper()
            raise

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let governed tasks inside know meanwhile that work goes on under these slots."""
        _at_work.extend(self._holds)
        try:
            yield
        finally:
            del _at_work[-len(self._holds) :]

    def release(self, holds: Sequence[Hold], interruptions: Interruptions) -> None:
        """Release these slots, as far as they are held. Each has ``released`` or ``failure`` afterwards."""
        ending = [hold for hold in holds if hold.end() is not None]
        if not ending:
            return
        try:
            asyncio.run(self._release(ending, interruptions))
        except GovernorError as exc:
            for hold in ending:
                hold.failure = hold.failure or (exc if hold.released is None else None)
        finally:
            for hold in ending:
                hold.part_from_keeper(gives_back=hold.released is None)

    # -- before the work

    async def _wait(self, interruptions: Interruptions) -> None:
        loop, waiting = asyncio.get_running_loop(), asyncio.ensure_future(self._start())
        # A second cancellation would cut the withdrawal of an entry short: there is one, however often it is asked for.
        stop = functools.cache(waiting.cancel)
        with interruptions.waiting(lambda: loop.call_soon_threadsafe(stop)):
            while not (await asyncio.wait([waiting], timeout=_LOOK_EVERY))[0]:
                if _orphaned():
                    stop()
            if _orphaned():
                raise Orphaned("ansible-playbook is gone: stopped waiting, and did not start the work.")
            await waiting

    async def _start(self) -> None:
        async with connected(self._settings) as js:
            for hold in self._holds:
                await hold.greet_keeper()
            for hold in self._holds:
                await hold.go_on(js)
            self._several = self._all(js)
            try:
                await self._several.start(self._campaign.wait_timeout)
            except UnknownGovernor:
                # The sentence of this one names the governors that there are.
                await self._load(js)
                raise

    def _all(self, js: JetStream) -> Several:
        parts = [hold.part(js, self._in_hand) for hold in self._holds]
        around = [hold.name for hold in _at_work if hold.request.settings == self._settings]
        return Several(parts, [Stack(name, js) for name in around], [Stack(name, js) for name in self._inside])

    def _in_hand(self) -> list[str]:
        return [hold.name for hold in self._holds if hold.slot is not None]

    async def _look(self) -> list[UnknownGovernor]:
        async with connected(self._settings) as js:
            unknown = await self._load(js, raises=False)
            if not unknown:
                await self._all(js).look()
            return unknown

    async def _load(self, js: JetStream, raises: bool = True) -> list[UnknownGovernor]:
        unknown = []
        for hold in self._holds:
            try:
                hold.check((await load(hold.name, js)).state)
            except UnknownGovernor as exc:
                # A name may have commas, so it is not taken apart there.
                more = " Several governors are written as a list." if "," in hold.name else ""
                unknown.append(UnknownGovernor(f"{exc}{more}"))
                if raises:
                    raise unknown[0] from exc
        return unknown

    # -- the release

    async def _release(self, holds: Sequence[Hold], interruptions: Interruptions) -> None:
        finishing = asyncio.ensure_future(self._finish(holds))
        while not (await asyncio.wait([finishing], timeout=_LOOK_EVERY))[0]:
            if interruptions.overdue:
                raise NoVerdict("No server has answered, and the process was told to end.")
        finishing.result()

    async def _finish(self, holds: Sequence[Hold]) -> None:
        async def once() -> None:
            async with connected(self._settings) as js:
                ended = await asyncio.gather(*(hold.release(js) for hold in holds), return_exceptions=True)
                for exc in filter(None, ended):
                    raise exc

        timing = Timing()
        await timing.until_verdict(once, 0.0, timing.clock() + FINISH_PATIENCE)


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
