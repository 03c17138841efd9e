# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One slot of a governed task, as the task, the keeper of the run and the next attempts of the task see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..module_utils._campaign_options import CampaignRequest, warn_of_no_priority
from ..module_utils._results import governed_result
from ..module_utils._settings import Settings
from ..module_utils.core.campaign import Governor
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError, NoVerdict, UnknownGovernor
from ..module_utils.core.jetstream import JetStream
from ..module_utils.core.several import Part
from ..module_utils.core.slot import Slot
from ..module_utils.core.stack import Stack
from ..module_utils.core.state import State
from ._keeper_link import KeeperLink, NoKeeper
from ._keeper_words import Address, Held
from ._kept import Attempt
from ._progress import Progress
from ._second_slot import refuse_second

# How a wait is told of, by the value of ``waited_by``.
_HOW = {"queue": "in its queue", "polling": "by trying, without a queue"}


class NeverExpires(GovernorError):
    """The governor has no max_age, and a slot was asked for that nothing else would end."""


@dataclass(frozen=True)
class HoldRequest:
    """What a governed task asks of one governor: a ``campaign``, and what this face has besides.

    ``tell`` shows a line to everybody who watches the run, ``tell_more`` to those who asked to know more, ``warn`` as a
    warning. ``action`` is what will run under the slot, None where that is several things. ``release`` says when it is
    released, as the option does. ``attempt`` is given where a slot may be kept for the attempts after this one.
    ``one_only`` refuses a second slot to the same host of the same run. ``ends_with_work``: the slot is never left to
    somebody else, so that it has a lease, and ends when this process dies. ``stops_when_lost``: the keeper sends a
    signal when it finds the slot lost.
    """

    campaign: CampaignRequest
    settings: Settings
    tell: Callable[[str], None]
    tell_more: Callable[[str], None]
    warn: Callable[[str], None]
    action: str | None = None
    release: str = "always"
    attempt: Attempt | None = None
    one_only: bool = False
    ends_with_work: bool = True
    stops_when_lost: bool = False


class Hold:
    """One slot, from before it is waited for until it has ended. ``Holds`` acquires and releases it.

    The keeper of the run renews it meanwhile, and gives it back if this process dies. ``goes_on``: it is one that an
    earlier attempt has kept. ``released`` tells whether it was there to be released, None before that is known;
    ``failure`` is why that will not be known.
    """

    def __init__(self, request: HoldRequest) -> None:
        """Make it, without a slot so far. Raises InvalidValue for a holder or host that no entry could carry."""
        self.request = request
        self.name = request.campaign.governor
        self.slot: Slot | None = None
        self.goes_on = False
        self.released: bool | None = None
        self.failure: GovernorError | None = None
        # For the result of the task: what is shown in a worker is no part of it before ansible-core 2.19.
        self.warnings: list[str] = []
        self._owner = request.campaign.owner
        self._keeper: KeeperLink | None = None
        self._has_keeper = True
        self._why_lost: str | None = None
        self._acquired_at = 0.0
        self._held: float | None = None
        self._before: dict[str, Any] = {}

    @property
    def is_kept_by_another(self) -> bool:
        """Tell whether another item of the task's loop has failed under this slot, and keeps it."""
        attempt = self.request.attempt
        return attempt is not None and not attempt.may_release

    def lost(self) -> str | None:
        """Return why the slot is lost as far as the keeper has told by now; None while it is held."""
        if self._keeper is not None:
            self._why_lost = self._keeper.lost()
        return self._why_lost

    def facts(self) -> dict[str, Any]:
        """Return what is known of the slot so far, or of the one that was given back; see ``governed_result``."""
        request = self.request
        told = governed_result(request.campaign, request.action, self.slot, kept=self.goes_on, held=self._held)
        return {**told, "released": self.released, **(self._before if self.slot is None else {})}

    # -- before the work

    def part(self, js: JetStream, in_hand: Callable[[], Sequence[str]]) -> Part:
        """Return how this slot is acquired over that connection; ``in_hand`` names the slots held while it is."""
        campaign = self.request.campaign
        progress = Progress(campaign.governor, campaign.holder, self.request.tell, in_hand, campaign.priority)
        governor = Governor(
            campaign.governor, js, interval=campaign.interval, backoff=campaign.backoff, on_wait=progress.tell
        )
        return Part(governor.stack, partial(self._start, governor), self.slot, self.check, self._returned)

    def check(self, state: State) -> None:
        """Raise NeverExpires where nothing would ever end the slot."""
        if self.request.release == "never" and not state.config.max_age:
            raise NeverExpires(
                f"Governor '{self.name}' has no max_age, and release: never leaves the slot to max_age: it would be "
                "held for ever. Give the governor a max_age, or let the slot be released."
            )

    async def go_on(self, js: JetStream) -> None:
        """Take over the slot that an attempt before this one has kept, if it is still held."""
        attempt = self.request.attempt
        kept = attempt.kept if attempt is not None else None
        if attempt is None or kept is None:
            return
        if not await kept.slot.over(js).still_held():
            attempt.forget()
            return
        self.goes_on, self.slot, self._acquired_at = True, kept.slot.over(js), kept.since
        self._tell_keeper(kept.slot)
        self.request.tell_more(f"{kept.slot.holder} goes on under slot {kept.slot.seq} of {self.name}")

    async def _start(self, governor: Governor, timeout: float | None) -> Slot:
        campaign = self.request.campaign
        if self._keeper is None and self._has_keeper:
            # The slot was given back before the work, and is acquired anew.
            self.meet_keeper()
            await self.greet_keeper()
        slot = await governor.start(
            campaign.holder,
            owner=self._owner,
            timeout=timeout,
            admit=self._admit,
            # Nobody would renew it, neither during the work nor when this process has ended.
            lease=None if self._keeper is not None and self.request.ends_with_work else False,
            priority=campaign.priority,
            ageing=campaign.ageing,
        )
        # From here on the slot has to be released, also when closing the connection is cut short.
        self.slot, self._acquired_at = slot, time.monotonic()
        self._tell_keeper(slot)
        self.request.tell_more(
            f"{campaign.holder} holds slot {slot.seq} of {self.name} after {format_duration(slot.waited)}, "
            f"{slot.attempts} attempts" + (f", {_HOW[slot.waited_by]}" if slot.waited_by else "")
        )
        return slot

    async def _admit(self, stack: Stack, state: State) -> None:
        self.check(state)
        if self.request.one_only:
            await refuse_second(stack, state, self._owner)
        await warn_of_no_priority(self.request.campaign, stack, self.warnings.append)

    def _returned(self, given_back: bool) -> None:
        """Note that the slot is not held any more, although the work has not begun: given back, or lost."""
        held = round(time.monotonic() - self._acquired_at, 3)
        self._before = {**self.facts(), "held": held, "released": given_back, "lost": not given_back}
        if self.request.attempt is not None:
            self.request.attempt.forget()
        self.part_from_keeper()
        # Why it was lost, if it was, says nothing about the next one.
        self.slot, self.goes_on, self._why_lost = None, False, None

    # -- after the work

    def keep(self) -> dict[str, Any]:
        """Leave the slot to the next attempts, or to max_age, and return its facts."""
        slot = self.end()
        if slot is not None and self.request.attempt is not None:
            self.request.attempt.keep(slot, self._acquired_at)
        self.part_from_keeper()
        return {**self.facts(), "released": False}

    def end(self) -> Slot | None:
        """Note that the slot ends, and return it. None where there is none, or it has ended already."""
        if self.slot is None or self._held is not None:
            return None
        self._held = time.monotonic() - self._acquired_at
        return self.slot

    async def release(self, js: JetStream) -> None:
        """Release the slot over that connection, unless that is done. Raises NoVerdict, and may be called again."""
        slot = self.slot
        if slot is None or self.released is not None or self.failure is not None:
            return
        if self.request.attempt is not None:
            self.request.attempt.forget()
        moved = slot.over(js)
        try:
            self.released = await moved.finish()
        except UnknownGovernor:
            self.released = False
        except NoVerdict:
            raise
        except GovernorError as exc:
            self.failure = exc
        finally:
            # Over the next connection it matters whether an answer is missing from this one.
            slot.in_doubt = moved.in_doubt

    # -- the keeper

    @property
    def _address(self) -> Address:
        return Address(self.request.settings, self.name)

    def meet_keeper(self) -> None:
        """Connect to the keeper of the run, which is started if need be."""
        try:
            self._keeper = KeeperLink()
        except NoKeeper as exc:
            self._do_without_keeper(exc)

    async def greet_keeper(self) -> None:
        """Wait until the keeper is there, and tell it where a slot is waited for."""
        try:
            if self._keeper is not None:
                await self._keeper.greeting()
                self._keeper.wait_for(self._address, self._owner if self.request.ends_with_work else None)
        except NoKeeper as exc:
            self._do_without_keeper(exc)

    def part_from_keeper(self, gives_back: bool = False) -> None:
        """Tell the keeper that it is not needed any more; ``gives_back``: but to release the slot."""
        self.lost()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.done(gives_back)

    def _do_without_keeper(self, why: NoKeeper) -> None:
        self._has_keeper = False
        self.part_from_keeper()
        if self.request.ends_with_work:
            self.request.warn(
                f"No keeper watches over the slot of {self.request.campaign.holder} in governor '{self.name}', so it "
                f"has no lease: if its process is killed, it is held until max_age ends it. The reason: {why}."
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
            self.part_from_keeper()
            try:
                self._keeper = KeeperLink()
                self._keeper.hold(held)
            except NoKeeper as exc:
                self._do_without_keeper(exc)
