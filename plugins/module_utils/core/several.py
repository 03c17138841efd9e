# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start in several governors: a slot in each, acquired in one order that is the same for everybody.

Whoever waits for a slot holds slots only in governors that come before in the order: the smaller limit first, then by
name. So nobody waits in a circle. And who holds a slot of the narrow governor while waiting for the wide one keeps only
those from working who could not work anyway.

A limit that is changed may change the order. So the limits are read again while one waits with slots in hand: what has
come to stand behind the governor that is waited for is given back, and acquired anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable

from .durations import format_duration
from .errors import GovernorError, InvalidValue, NoVerdict, WaitTimeout, WrongOrder
from .names import Owner
from .slot import Slot
from .stack import Stack
from .state import State
from .timing import Answer, run_to_completion
from .urgency import AGEING, NORMAL

if TYPE_CHECKING:
    from .campaign import Governor
    from .renewal import OnLost

# Seconds between two looks at the limits, for one who waits with slots in hand.
_LOOK_EVERY = 3.0

# Seconds for which one waits against the order where slots cannot be given back, since work goes on under them.
_AGAINST_ORDER = 60.0


@dataclass(eq=False)
class Part:
    """One of several governors.

    ``start`` campaigns there for so many seconds (None: for ever, 0: one try). ``slot`` is what is held there, from
    before where it is given. ``check`` is called with the governor's state before any slot is acquired, and may raise.
    ``on_return`` is called when the slot is not held any more before all are: with True where it was given back, with
    False where it was lost.
    """

    stack: Stack
    start: Callable[[float | None], Awaitable[Slot]]
    slot: Slot | None = None
    check: Callable[[State], None] | None = None
    on_return: Callable[[bool], None] | None = None

    @property
    def name(self) -> str:
        """The governor's name."""
        return self.stack.name


async def start_all(
    governors: Sequence[Governor],
    holder: str,
    *,
    owner: Owner | None = None,
    timeout: float | None = None,
    on_lost: OnLost | None = None,
    priority: str = NORMAL,
    ageing: float = AGEING,
) -> list[Slot]:
    """Start in all of these governors, of one connection, and return a slot of each, in the order of ``governors``.

    ``timeout`` is for all of them together. Everything else is as with ``Governor.start``: what this raises, it leaves
    no entry behind unless it returns. ``on_lost`` is told of what is returned alone: what is lost before is acquired
    anew. No slot is acquired where one of the governors does not exist. Raises InvalidValue where there is no governor,
    or one twice.
    """
    names = [governor.name for governor in governors]
    if not names or len(set(names)) < len(names):
        raise InvalidValue(f"start_all needs one governor at least, and none twice, not {_quoted(names) or 'none'}.")

    acquired: list[Slot] = []

    def lost(why: str) -> None:
        if acquired and on_lost is not None:
            on_lost(why)

    def part(governor: Governor) -> Part:
        start = partial(governor.start, holder, owner=owner, on_lost=lost, priority=priority, ageing=ageing)
        return Part(governor.stack, lambda timeout: start(timeout=timeout))

    parts = [part(governor) for governor in governors]
    await Several(parts).start(timeout)
    acquired += [each.slot for each in parts if each.slot is not None]
    for why in [slot.lost for slot in acquired if slot.lost is not None]:
        lost(why)
    return list(acquired)


class Several:
    """One acquisition of a slot in each of several governors, of which none is named twice.

    ``around`` are governors in which work that goes on around this one holds slots, ``inside`` those in which work
    under these slots will want some: all are taken in one order. ``missing`` is the part that was waited for last.
    """

    def __init__(self, parts: Sequence[Part], around: Iterable[Stack] = (), inside: Iterable[Stack] = ()) -> None:
        self.missing: Part | None = None
        self._parts = parts
        self._around = tuple(around)
        self._inside = tuple(inside)
        self._js = parts[0].stack.js
        self._timing = self._js.timing
        self._limits: dict[str, int] = {}
        self._acquired: list[Part] = []
        self._unsure: set[Part] = set()
        self._ending: set[Part] = set()
        self._began = 0.0
        self._deadline = math.inf
        self._against_since: float | None = None

    async def start(self, timeout: float | None) -> None:
        """Wait until each part has its slot, for ``timeout`` seconds in all (None: for ever, 0: one try each).

        Raises what the parts raise, UnknownGovernor before any slot is acquired, and WrongOrder where slots inside
        would be taken against the order. Inside work that goes on, it waits against the order for a minute at most. Of
        what it has acquired, a part has a slot after an error only if no server has answered when that was to be given
        back; it is given back in the background.
        """
        self._began = self._timing.clock()
        self._deadline = math.inf if timeout is None else self._began + timeout
        try:
            if len(self._parts) > 1 or self._around or self._inside:
                await self.look()
            while (part := await self._next()) is not None:
                await self._acquire(part)
        except GovernorError as exc:
            held = [part.name for part in self._acquired]
            await run_to_completion(self._give_up())
            raise self._told(exc, held) from exc
        except BaseException:
            await run_to_completion(self._give_up())
            raise

    # -- the order

    def _place(self, stack: Stack) -> tuple[int, str]:
        return self._limits.get(stack.name, 0), stack.name

    def _held_after(self, stack: Stack) -> list[Part]:
        """Return the parts that have a slot and come after that governor, the last one first."""
        place = self._place(stack)
        later = [part for part in self._parts if part.slot is not None and self._place(part.stack) > place]
        return sorted(later, key=lambda part: self._place(part.stack), reverse=True)

    def _first_missing(self) -> Part | None:
        missing = [part for part in self._parts if part.slot is None]
        return min(missing, key=lambda part: self._place(part.stack), default=None)

    async def look(self) -> None:
        """Read all governors, and raise what ``start`` raises before it acquires a slot."""
        for part in self._parts:
            self.missing = part
            state = await self._before_the_wait(part.stack)
            if part.check is not None:
                part.check(state)
        for stack in (*self._around, *self._inside):
            # Who will want a slot of one that does not exist, or may not be read, is told then.
            with contextlib.suppress(GovernorError):
                await self._read(stack)
        self._check_nesting()

    async def _before_the_wait(self, stack: Stack) -> State:
        try:
            return await self._timing.until_verdict(partial(self._read, stack), 0.0, self._deadline)
        except NoVerdict as exc:
            waited = self._timing.clock() - self._began
            raise WaitTimeout(
                f"Timed out after {waited:.1f} s without a look at governor '{stack.name}': {exc}",
                attempts=0,
                waited=round(waited, 3),
                waited_by=None,
            ) from exc

    async def _read(self, stack: Stack) -> State:
        state = await stack.state()
        self._limits[stack.name] = state.config.limit
        return state

    def _check_nesting(self) -> None:
        """Raise WrongOrder where slots inside come before those that are acquired here, before any is held."""
        pairs = [(part.stack, inner) for part in self._parts for inner in self._inside if inner.name in self._limits]
        for outer, inner in pairs:
            if self._place(outer) > self._place(inner):
                raise WrongOrder(
                    f"A slot of governor '{inner.name}' (limit {self._limits[inner.name]}) would be waited for inside "
                    f"work that holds one of '{outer.name}' (limit {self._limits[outer.name]}). Slots of several "
                    "governors are acquired in one order, the smaller limit first, then by name: whoever does that and "
                    "this task could wait for each other for ever. Name both governors in one task, or acquire the "
                    f"slot of '{inner.name}' around that of '{outer.name}'."
                )

    async def _look_again(self) -> None:
        """Read the limits again, as far as they can be read now."""
        stacks = [*(part.stack for part in self._parts), *self._around]
        await asyncio.gather(*map(self._read, stacks), return_exceptions=True)

    # -- the slots

    async def _next(self) -> Part | None:
        """Return the part that is to be acquired next; None where each has a slot that is still there."""
        if self._first_missing() is None:
            await self._drop_lost()
        return self._first_missing()

    async def _acquire(self, part: Part) -> None:
        self.missing = part
        later = self._held_after(part.stack)
        if later:
            # A try is no wait: nobody has to give way for it.
            if await self._tried(part):
                return
            await self._give_back(later)
        await self._wait(part)

    async def _tried(self, part: Part) -> bool:
        try:
            self._take(part, await part.start(0))
        except WaitTimeout:
            return False
        return True

    async def _wait(self, part: Part) -> None:
        """Wait until the part has a slot, or until another one comes before it in the order."""
        campaign = asyncio.ensure_future(part.start(self._left))
        others = [each for each in self._parts if each.slot is not None]
        watches = others or self._around
        try:
            while not (await asyncio.wait([campaign], timeout=_LOOK_EVERY if watches else None))[0]:
                await self._look_again()
                self._check_around(part.stack)
                if self._first_missing() is not part:
                    return
                await self._give_back(self._held_after(part.stack))
        finally:
            try:
                if campaign.cancel():
                    await run_to_completion(asyncio.wait([campaign]))
            finally:
                self._note_end(part, campaign, others)
        campaign.result()

    def _note_end(self, part: Part, campaign: asyncio.Future[Slot], others: Iterable[Part]) -> None:
        """Note what came of a campaign that has ended, and that ``others`` may have lost their slots meanwhile."""
        slot = None if campaign.cancelled() or campaign.exception() is not None else campaign.result()
        if slot is not None:
            self._take(part, slot)
        if slot is None or slot.waited_by:
            self._unsure.update(others)

    @property
    def _left(self) -> float | None:
        """The seconds that are left of the time for all."""
        return None if self._deadline == math.inf else max(0.0, self._deadline - self._timing.clock())

    def _check_around(self, stack: Stack) -> None:
        """Raise WaitTimeout where it was waited against the order for too long, inside work that goes on."""
        against = [each.name for each in self._around if self._place(each) > self._place(stack)]
        now = self._timing.clock()
        since = now if self._against_since is None else self._against_since
        self._against_since = since if against else None
        if against and now - since > _AGAINST_ORDER:
            raise WaitTimeout(
                f"Gave up after {now - self._began:.1f} s waiting for a slot in governor '{stack.name}' inside work "
                f"that holds one of {_quoted(against)}: since a limit was changed, that is against the order in which "
                "everybody else acquires them, so that this could last for ever.",
                attempts=None,
                waited=round(now - self._began, 3),
                waited_by=None,
            )

    def _take(self, part: Part, slot: Slot) -> None:
        part.slot = slot
        self._acquired.append(part)

    async def _drop_lost(self) -> None:
        """Note which slots were lost while others were waited for: evicted, for example.

        What was to be given back, and may be gone, is given back for certain.
        """
        for part in tuple(self._ending):
            await self._until_verdict(partial(self._end, part))
        unsure, self._unsure = self._unsure, set()
        for part in unsure:
            slot = part.slot
            if slot is not None and await self._until_verdict(partial(self._is_gone, slot)):
                self._js.logger.info("the slot of governor %s was lost while others were waited for", part.name)
                await slot.finish()
                self._drop(part, given_back=False)

    async def _is_gone(self, slot: Slot) -> bool:
        """Tell whether a slot was lost. Who may not read entries goes without a look, as with a single slot."""
        return await self._js.if_permitted(slot.still_held()) is False

    async def _until_verdict(self, operation: Callable[[], Awaitable[Answer]]) -> Answer:
        return await self._timing.until_verdict(operation, self._js.patience, self._deadline)

    def _drop(self, part: Part, given_back: bool) -> None:
        part.slot = None
        self._ending.discard(part)
        if part in self._acquired:
            self._acquired.remove(part)
        if part.on_return is not None:
            part.on_return(given_back)

    async def _give_back(self, parts: Iterable[Part]) -> None:
        """Free these slots for others. What no server answers to stays in hand."""
        for part in parts:
            with contextlib.suppress(NoVerdict):
                await self._end(part)

    async def _end(self, part: Part) -> None:
        slot = part.slot
        if slot is not None:
            # From now on nobody renews it.
            self._ending.add(part)
            # Also where slots are left to max_age: nobody has worked.
            slot.frees_on_finish = True
            given_back = await slot.finish()
            self._js.logger.info("gave back slot %d of governor %s before the work", slot.seq, part.name)
            self._drop(part, given_back)

    # -- the end

    async def _give_up(self) -> None:
        """Give back all that was acquired here, in the background where no server answers."""
        # At the same time: where no server answers, each of them takes as long as this connection has patience.
        await asyncio.gather(*(self._give_back([part]) for part in self._acquired), return_exceptions=True)
        for part in self._acquired:
            if part.slot is not None:
                self._js.in_background(self._finish_later(part.slot))

    async def _finish_later(self, slot: Slot) -> None:
        with contextlib.suppress(GovernorError):
            await self._timing.until_verdict(slot.finish, math.inf)

    def _told(self, exc: GovernorError, held: Sequence[str]) -> GovernorError:
        """Return the error with what was held meanwhile, where that is anything."""
        if not held:
            return exc
        left = [part.name for part in self._acquired]
        waited = format_duration(self._timing.clock() - self._began)
        more = f"Meanwhile {_slots_of(held)} held, and given back; all of it took {waited}."
        if left:
            more += f" No server has answered so far that {_slots_of(left)} given back."
        return type(exc)(f"{exc} {more}", **exc.facts)


def _slots_of(names: Sequence[str]) -> str:
    return f"a slot of {_quoted(names)} was" if len(names) == 1 else f"slots of {_quoted(names)} were"


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
