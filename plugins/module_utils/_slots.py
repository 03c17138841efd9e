# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What governor_slot does once it is connected: acquire, release and evict slots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable

from ._campaign_options import CampaignRequest, parse_campaign, warn_of_no_priority
from ._governors import load_or_predict
from ._guard import REFUSED, WAYS_OUT, Play, deadlock
from ._results import NO_WAIT, Result, ended_result, owner_result, slot_result, wait_result
from .core.campaign import Governor
from .core.entry import Entry
from .core.errors import GovernorError, InvalidValue, WaitTimeout
from .core.jetstream import FINISH_PATIENCE, JetStream
from .core.names import whose
from .core.pause import WHAT_TO_DO
from .core.slot import Slot
from .core.stack import only_if
from .core.state import State

# How many holders a warning names, those who have held their slots for longest.
_TOLD = 5

# Seconds to wait for the keeper to write what it knows of the governor, and between two looks for that.
_WRITTEN_WITHIN = 5.0
_LOOK_EVERY = 0.01


class WouldDeadlock(GovernorError):
    """The play could not come to its end, so acquiring a slot was refused before the wait."""


@dataclass(frozen=True)
class SlotRequest:
    """What a governor_slot task asks for: a ``campaign``, and what this module has besides.

    ``seq`` is None where none was given. ``continue_on_timeout``: it is no failure to wait in vain. ``play`` is None
    where nothing is known of the play. ``kept`` is when the governor was created that the keeper of the run can renew
    slots of; None where there is no such keeper, or the slot is to outlive the run. ``warn`` shows a sentence to the
    user.
    """

    campaign: CampaignRequest
    seq: int | None
    continue_on_timeout: bool
    guard: str
    play: Play | None
    check_mode: bool
    warn: Callable[[str], None]
    kept: str | None = None


@dataclass(frozen=True)
class Wanted:
    """Which slots to release or evict: those that have all of these.

    None stands for any, and an empty ``host`` for the run as a whole.
    """

    run_id: str | None
    host: str | None
    holder: str | None

    def fits(self, entry: Entry) -> bool:
        """Tell whether the entry is one of them."""
        pairs = ((self.run_id, entry.run_id), (self.host, entry.host), (self.holder, entry.holder))
        return all(mine is None or mine == theirs for mine, theirs in pairs)

    def __str__(self) -> str:
        """Return the words for sentences, as in "host 'web01' of run 'r', holder 'a'"."""
        parts = [f"holder '{self.holder}'"] if self.holder is not None else []
        return ", ".join([whose(self.run_id, self.host), *parts] if self.run_id is not None else parts)


async def carry_out(
    action: Callable[[JetStream, SlotRequest], Awaitable[Result]], module: Any, js: JetStream
) -> Result:
    """Call ``action``, which is ``acquire``, ``release`` or ``evict``, with the request in the task's parameters.

    Raises InvalidValue for parameters that are wrong whatever the server says, and what ``action`` raises.
    """
    params = module.params
    seq, play = params["seq"], dict(params["play"] or {})
    if seq is not None and seq < 1:
        raise InvalidValue(f"seq must be at least 1, not {seq}.")
    play.pop("process", None)
    run_id, host = play.pop("run_id", params["run_id"]), play.pop("host", "")
    kept, kept_in = play.pop("kept", None), play.pop("kept_in", None)
    request = SlotRequest(
        campaign=parse_campaign(params, run_id, host),
        seq=seq,
        continue_on_timeout=params["on_timeout"] == "continue",
        guard=params["guard"],
        play=Play(**play) if play else None,
        kept=kept if kept_in is None else await _read(Path(kept_in)),
        check_mode=module.check_mode,
        warn=module.warn,
    )
    return await action(js, request)


async def _read(file: Path) -> str | None:
    """Return what the keeper writes there, as soon as it has; None where that is nothing, or takes too long."""
    # It is there already, unless the machine is very busy: this module took longer to start than the keeper did.
    for _each in range(round(_WRITTEN_WITHIN / _LOOK_EVERY)):
        if (text := _contents(file)) is not None:
            return text or None
        await asyncio.sleep(_LOOK_EVERY)
    return None


def _contents(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None


async def acquire(js: JetStream, request: SlotRequest) -> Result:
    """Acquire a slot, unless the owner has one already; in check mode, foretell that.

    Raises UnknownGovernor, WouldDeadlock, and what ``Governor.start`` raises. WaitTimeout becomes a result where the
    request goes on without a slot.
    """
    campaign = request.campaign
    manager = await load_or_predict(campaign.governor, js, request.check_mode, request.warn)
    if manager is None:
        return _acquired(campaign, None, None, changed=True)
    owner = campaign.owner
    mine = None if manager.state.surely_empty else await manager.stack.find(lambda entry: entry.owner == owner)
    # At the same address there may be another NATS for this machine than for the keeper.
    is_kept = manager.state.created.isoformat() == request.kept
    if mine is not None:
        return {**_acquired(campaign, manager.state, mine, changed=False), **_for_the_keeper(mine, is_kept)}
    _guard(request, manager.limit)
    if request.check_mode:
        return _predicted(request, manager.state)
    await warn_of_no_priority(campaign, manager.stack, request.warn)
    governor = Governor(campaign.governor, js, interval=campaign.interval, backoff=campaign.backoff)
    # None does as the governor says.
    lease = None if is_kept else False
    try:
        slot = await governor.start(
            campaign.holder,
            owner=owner,
            timeout=campaign.wait_timeout,
            lease=lease,
            priority=campaign.priority,
            ageing=campaign.ageing,
        )
    except WaitTimeout as exc:
        return _not_acquired(request, exc)
    entry = await slot.entry()
    result = _acquired(campaign, await manager.refresh(), entry, changed=True)
    result["slot"].update(seq=slot.seq, lease=slot.lease)
    return {**result, **wait_result(slot), **_for_the_keeper(slot, is_kept)}


async def release(js: JetStream, request: SlotRequest) -> Result:
    """Release what the task's host holds for its run, or all that the run holds whose id was given.

    Where a holder or a sequence was given, release that alone. Raises NotOwner for somebody else's sequence. Warns
    where nothing is released that the task has named.
    """
    campaign = request.campaign
    wanted = Wanted(campaign.run_id, None if campaign.run_given else campaign.host, campaign.holder or None)
    return await _end_slots(js, request, wanted, "released", if_none=partial(_tell_who_holds, request, wanted))


async def evict(js: JetStream, request: SlotRequest) -> Result:
    """Evict the slots that have the sequence, holder and run id that were given, whoever owns them.

    Raises InvalidValue where none of the three was given, and NotOwner where the slot of that sequence has another
    holder or run.
    """
    campaign = request.campaign
    run_id = campaign.run_id if campaign.run_given else None
    if request.seq is None and not campaign.holder and run_id is None:
        raise InvalidValue(
            "state: evicted takes slots away from whoever holds them, so it needs seq, holder or run_id to say which; "
            "where several are given, a slot must have all of them."
        )
    return await _end_slots(js, request, Wanted(run_id, None, campaign.holder or None), "evicted")


async def _end_slots(
    js: JetStream, request: SlotRequest, wanted: Wanted, done: str, if_none: Callable[[list[Entry]], None] | None = None
) -> Result:
    """Delete the entries of the wanted slots, or in check mode none. The result lists them under the key ``done``.

    ``if_none`` is called with all entries where no entry is wanted, unless a sequence was given.
    """
    js = replace(js, patience=FINISH_PATIENCE)
    governor = request.campaign.governor
    manager = await load_or_predict(governor, js, request.check_mode, request.warn)
    if manager is None:
        nothing: Result = {"entries": []}
        unchanged = {"changed": False, "diff": {"before": nothing, "after": nothing}}
        return {**unchanged, "acquired": False, done: [], "active": 0, "limit": None}
    now, stack = manager.state.now, manager.stack
    check = only_if(governor, wanted.fits, str(wanted))
    if request.seq is None:
        entries = await stack.entries()
        doomed = [entry for entry in entries if wanted.fits(entry)]
        if if_none and not doomed:
            if_none(entries)
    else:
        found = await stack.entry(request.seq)
        doomed = [found] if found is not None else []
    for entry in doomed:
        check(entry)
    if not request.check_mode:
        deleted = [await stack.delete(entry.seq, check) for entry in doomed]
        doomed = [entry for entry in deleted if entry is not None]
        await manager.refresh()
    active = manager.state.active - (len(doomed) if request.check_mode else 0)
    return {
        "changed": bool(doomed),
        "acquired": False,
        done: [ended_result(entry, now) for entry in doomed],
        "active": active,
        "limit": manager.limit,
        "diff": {"before": {"entries": [owner_result(entry) for entry in doomed]}, "after": {"entries": []}},
    }


def _tell_who_holds(request: SlotRequest, wanted: Wanted, entries: list[Entry]) -> None:
    """Warn that nothing was released, where that is likely a slip.

    It is one where the task names a holder or a run. It is also one where the run as a whole holds slots and a host
    releases, or the other way round. In check mode nothing is said, since the task before has acquired nothing.
    """
    named = request.campaign.holder or request.campaign.run_given
    others = any(entry.run_id == wanted.run_id and bool(entry.host) != bool(wanted.host) for entry in entries)
    if not entries or request.check_mode or not (named or others):
        return
    oldest = ", ".join(f"'{entry.shown}' ({entry.whose})" for entry in entries[:_TOLD])
    more = f" and {len(entries) - _TOLD} more" if len(entries) > _TOLD else ""
    request.warn(
        f"Governor '{request.campaign.governor}' has no slot of {wanted}, so none was released. Its slots are held by "
        f"{oldest}{more}."
    )


def _guard(request: SlotRequest, limit: int) -> None:
    """Warn of a deadlock, or raise WouldDeadlock where it is certain."""
    # Who tries only once does not wait, and cannot deadlock.
    if request.guard == "off" or request.play is None or request.campaign.wait_timeout == 0:
        return
    found = deadlock(request.play, limit)
    if found is None:
        return
    if found.alone and request.guard == "fail":
        request.warn(REFUSED)
        raise WouldDeadlock(found.sentence, acquired=False)
    request.warn(f"{found.sentence} {WAYS_OUT}")


def _acquired(campaign: CampaignRequest, state: State | None, entry: Entry | None, changed: bool) -> Result:
    """Return the result of an acquisition without a wait.

    ``state`` is None where the governor is still to come (check mode). ``entry`` is None where the entry is still to
    come, or gone already.
    """
    after = [owner_result(campaign)]
    return {
        "changed": changed,
        "acquired": True,
        "slot": slot_result(campaign, entry, state),
        **NO_WAIT,
        "active": state.active if state else 1,
        "limit": state.config.limit if state else None,
        "diff": {"before": {"entries": [] if changed else after}, "after": {"entries": after}},
    }


def _for_the_keeper(held: Slot | Entry, is_kept: bool) -> Result:
    """Return what the action takes out of the result, to have the slot renewed: nothing where it has no lease."""
    return {"for_the_keeper": held.token} if is_kept and held.lease is not None else {}


def _predicted(request: SlotRequest, state: State) -> Result:
    """Foretell the result of an acquisition (check mode).

    That a slot of a full governor is released in time is assumed, and that a paused one is resumed, unless there is no
    time to wait.
    """
    campaign = request.campaign
    full = state.active >= state.config.limit
    if not state.room and campaign.wait_timeout == 0:
        paused = bool(state.config.paused)
        facts = {"active": state.active, "limit": state.config.limit, "paused": paused, **NO_WAIT}
        why = f"Governor '{campaign.governor}' is full: {state.active} of {state.config.limit} slots are held."
        if paused:
            why = f"{state.pause_words}. {WHAT_TO_DO}"
        return _not_acquired(request, WaitTimeout(why, **facts))
    result = _acquired(campaign, state, None, changed=True)
    result["active"] = state.active if full else state.active + 1
    return result


def _not_acquired(request: SlotRequest, timeout: WaitTimeout) -> Result:
    if not request.continue_on_timeout:
        timeout.facts["acquired"] = False
        raise timeout
    return {"changed": False, "acquired": False, "msg": str(timeout), **timeout.facts}
