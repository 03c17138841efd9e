# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold a slot around work that is not asynchronous: acquire, work, release, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..module_utils._campaign_options import CampaignRequest, warn_of_no_priority
from ..module_utils._connection import connected
from ..module_utils._governors import load
from ..module_utils._results import governed_result
from ..module_utils._settings import Settings
from ..module_utils.core.campaign import Governor
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError, NoVerdict, UnknownGovernor
from ..module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ..module_utils.core.manager import Manager
from ..module_utils.core.slot import Slot
from ..module_utils.core.stack import Stack
from ..module_utils.core.state import State
from ..module_utils.core.timing import Timing
from ._interruption import Interruptions
from ._keeper_link import KeeperLink, NoKeeper
from ._keeper_words import Address, Held
from ._kept import Attempt
from ._progress import Progress
from ._second_slot import refuse_second

# Seconds between two looks whether ansible-playbook is still there, and whether the process was told to end.
_LOOK_EVERY = 0.5

# How a wait is told of, by the value of ``waited_by``.
_HOW = {"queue": "in its queue", "polling": "by trying, without a queue"}


class NeverExpires(GovernorError):
    """The governor has no max_age, and a slot was asked for that nothing else would end."""


class Orphaned(GovernorError):
    """The ansible-playbook that this process works for is gone."""


@dataclass(frozen=True)
class HoldRequest:
    """What a governed task asks for: a ``campaign``, and what this face has besides.

    ``tell`` shows a line to everybody who watches the run, ``tell_more`` to those who asked to know more, ``warn`` as a
    warning. ``action`` is what will run under the slot, None where that is several things. ``attempt`` is given where a
    slot may be kept for the attempts after this one. ``one_only`` refuses a second slot to the same host of the same
    run. ``ends_with_work``: the slot is never left to somebody else, so that it has a lease, and ends when this process
    dies. ``must_expire``: nobody ever releases it. ``stops_when_lost``: the keeper sends a signal when it finds the
    slot lost.
    """

    campaign: CampaignRequest
    settings: Settings
    tell: Callable[[str], None]
    tell_more: Callable[[str], None]
    warn: Callable[[str], None]
    action: str | None = None
    attempt: Attempt | None = None
    one_only: bool = False
    ends_with_work: bool = True
    must_expire: bool = False
    stops_when_lost: bool = False


class Hold:
    """A slot that is held from ``acquire`` to ``release``. No connection to NATS is open and no loop runs in between.

    The keeper of the run renews it meanwhile, and gives it back if this process dies.
    """

    def __init__(self, request: HoldRequest) -> None:
        """Make it, without a slot so far. Raises InvalidValue for a holder or host that no entry could carry."""
        self.request = request
        self._owner = request.campaign.owner
        self.slot: Slot | None = None
        # For the result of the task: what is shown in a worker is no part of it before ansible-core 2.19.
        self.warnings: list[str] = []
        self._keeper: KeeperLink | None = None
        self._why_lost: str | None = None
        self._goes_on = False
        self._acquired_at = 0.0
        self._held: float | None = None

    def look(self) -> None:
        """Read the governor and acquire nothing.

        Raises UnknownGovernor where there is none, and else what ``acquire`` would raise before it waits.
        """
        asyncio.run(self._look())

    def acquire(self, interruptions: Interruptions) -> None:
        """Wait for a slot, or go on under the one that an earlier attempt has kept.

        Raises what ``Governor.start`` raises, Orphaned and Interrupted. Nothing is held then, but for a kept slot.
        """
        try:
            # It starts while this process connects.
            self._meet_keeper()
            asyncio.run(self._wait(interruptions))
        except BaseException:
            # The slot may have come at the last moment.
            with contextlib.suppress(GovernorError):
                self.keep() if self._goes_on else self.release(interruptions)
            self._part()
            raise

    def release(self, interruptions: Interruptions) -> bool:
        """Release the slot, and return False if it was lost before. Raises GovernorError if that was not possible.

        Returns True if there is nothing to release.
        """
        slot = self._ended()
        if slot is None:
            return True
        if self.request.attempt is not None:
            self.request.attempt.forget()
        released = None
        try:
            released = asyncio.run(self._release(slot, interruptions))
            return released
        finally:
            self._part(gives_back=released is None)

    @property
    def is_kept_by_another(self) -> bool:
        """Tell whether another item of the task's loop has failed under this slot, and keeps it."""
        attempt = self.request.attempt
        return attempt is not None and not attempt.may_release

    def keep(self) -> dict[str, Any]:
        """Leave the slot to the next attempts, or to max_age, and return its facts."""
        slot = self._ended()
        if slot is not None and self.request.attempt is not None:
            self.request.attempt.keep(slot, self._acquired_at)
        self._part()
        return {**self.facts(), "released": False}

    def lost(self) -> str | None:
        """Return why the slot is lost as far as the keeper has told by now; None while it is held."""
        if self._keeper is not None:
            self._why_lost = self._keeper.lost()
        return self._why_lost

    def facts(self) -> dict[str, Any]:
        """Return what is known of the slot so far; see ``governed_result``."""
        request = self.request
        return governed_result(request.campaign, request.action, self.slot, kept=self._goes_on, held=self._held)

    def _ended(self) -> Slot | None:
        """Note that the slot ends, and return it. None where there is none, or it has ended already."""
        if self.slot is None or self._held is not None:
            return None
        self._held = time.monotonic() - self._acquired_at
        return self.slot

    async def _wait(self, interruptions: Interruptions) -> None:
        loop, campaign = asyncio.get_running_loop(), asyncio.ensure_future(self._campaign())
        # A second cancellation would cut the withdrawal of an entry short: there is one, however often it is asked for.
        stop = functools.cache(campaign.cancel)
        with interruptions.waiting(lambda: loop.call_soon_threadsafe(stop)):
            while not (await asyncio.wait([campaign], timeout=_LOOK_EVERY))[0]:
                if _orphaned():
                    stop()
            if _orphaned():
                raise Orphaned("ansible-playbook is gone: stopped waiting, and did not start the work.")
            await campaign

    async def _look(self) -> None:
        async with connected(self.request.settings) as js:
            self._check(await load(self.request.campaign.governor, js))

    def _check(self, governor: Manager | State) -> None:
        if self.request.must_expire and not governor.config.max_age:
            raise NeverExpires(
                f"Governor '{self.request.campaign.governor}' has no max_age, and release: never leaves the slot to "
                "max_age: it would be held for ever. Give the governor a max_age, or let the slot be released."
            )

    async def _admit(self, stack: Stack, state: State) -> None:
        self._check(state)
        if self.request.one_only:
            await refuse_second(stack, state, self._owner)
        await warn_of_no_priority(self.request.campaign, stack, self.warnings.append)

    async def _campaign(self) -> None:
        request, campaign = self.request, self.request.campaign
        async with connected(request.settings) as js:
            await self._greet_keeper()
            if await self._go_on(js):
                return
            progress = Progress(campaign.governor, campaign.holder, request.tell, campaign.priority)
            try:
                slot = await Governor(
                    campaign.governor,
                    js,
                    interval=campaign.interval,
                    backoff=campaign.backoff,
                    on_wait=progress.tell,
                ).start(
                    campaign.holder,
                    owner=self._owner,
                    timeout=campaign.wait_timeout,
                    admit=self._admit,
                    # Nobody would renew it, neither during the work nor when this process has ended.
                    lease=None if self._keeper is not None and request.ends_with_work else False,
                    priority=campaign.priority,
                    ageing=campaign.ageing,
                )
            except UnknownGovernor:
                # The sentence of this one names the governors that there are.
                await load(campaign.governor, js)
                raise
            # From here on the slot has to be released, also when closing the connection is cut short.
            self.slot, self._acquired_at = slot, time.monotonic()
            self._tell_keeper(slot)
            request.tell_more(
                f"{campaign.holder} holds slot {slot.seq} of {campaign.governor} after "
                f"{format_duration(slot.waited)}, {slot.attempts} attempts"
                + (f", {_HOW[slot.waited_by]}" if slot.waited_by else "")
            )

    async def _go_on(self, js: JetStream) -> bool:
        """Take over the slot that an attempt before this one has kept, if it still holds it; tell whether it does."""
        attempt = self.request.attempt
        kept = attempt.kept if attempt is not None else None
        if attempt is None or kept is None:
            return False
        if not await kept.slot.over(js).still_held():
            attempt.forget()
            return False
        self._goes_on, self.slot, self._acquired_at = True, kept.slot, kept.since
        self._tell_keeper(kept.slot)
        self.request.tell_more(
            f"{kept.slot.holder} goes on under slot {kept.slot.seq} of {self.request.campaign.governor}"
        )
        return True

    # -- the keeper

    @property
    def _address(self) -> Address:
        return Address(self.request.settings, self.request.campaign.governor)

    def _meet_keeper(self) -> None:
        try:
            self._keeper = KeeperLink()
        except NoKeeper as exc:
            self._do_without_keeper(exc)

    async def _greet_keeper(self) -> None:
        """Wait until the keeper is there, and tell it where a slot is waited for."""
        try:
            if self._keeper is not None:
                await self._keeper.greeting()
                self._keeper.wait_for(self._address, self._owner if self.request.ends_with_work else None)
        except NoKeeper as exc:
            self._do_without_keeper(exc)

    def _do_without_keeper(self, why: NoKeeper) -> None:
        self._part()
        if self.request.ends_with_work:
            campaign = self.request.campaign
            self.request.warn(
                f"No keeper watches over the slot of {campaign.holder} in governor '{campaign.governor}', so it has no "
                f"lease: if its process is killed, it is held until max_age ends it. The reason: {why}."
            )

    def _tell_keeper(self, slot: Slot) -> None:
        if self._keeper is None:
            return
        held = Held(
            self._address,
            slot.seq,
            slot.token,
            slot.lease,
            slot.renewed_at,
            slot.holder,
            slot.owner,
            ends_with_worker=self.request.ends_with_work,
            stops_work=self.request.stops_when_lost,
        )
        try:
            self._keeper.hold(held)
        except NoKeeper:
            # It was killed while this process waited for the slot. There is always another one to be had.
            self._part()
            try:
                self._keeper = KeeperLink()
                self._keeper.hold(held)
            except NoKeeper as exc:
                self._do_without_keeper(exc)

    def _part(self, gives_back: bool = False) -> None:
        self.lost()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.done(gives_back)

    # -- the release

    async def _release(self, slot: Slot, interruptions: Interruptions) -> bool:
        finishing = asyncio.ensure_future(self._finish(slot))
        while not (await asyncio.wait([finishing], timeout=_LOOK_EVERY))[0]:
            if interruptions.overdue:
                raise NoVerdict("No server has answered, and the process was told to end.")
        return finishing.result()

    async def _finish(self, slot: Slot) -> bool:
        async def once() -> bool:
            async with connected(self.request.settings) as js:
                moved = slot.over(js)
                try:
                    return await moved.finish()
                except UnknownGovernor:
                    return False
                finally:
                    # Over the next connection it matters whether an answer is missing from this one.
                    slot.in_doubt = moved.in_doubt

        timing = Timing()
        return await timing.until_verdict(once, 0.0, timing.clock() + FINISH_PATIENCE)


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and parent.pid != os.getppid()
