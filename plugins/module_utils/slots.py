# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What governor_slot does with a connection: acquire, release, evict."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

from .campaign_options import backoff_policy, interval_seconds
from .core.campaign import Governor
from .core.durations import parse_duration
from .core.entry import Entry, format_time
from .core.errors import GovernorError, InvalidValue, WaitTimeout
from .core.jetstream import GIVE_BACK_PATIENCE, JetStream
from .core.names import check_name, owner_of
from .core.stack import Stack, must_be_owned_by
from .core.state import State
from .governors import load
from .guard import Play, danger

Result = dict[str, Any]


class WouldDeadlock(GovernorError):
    pass


@dataclass(frozen=True)
class Request:
    """What the task asks for; times in seconds. ``play`` is None where nothing is known of a play."""

    governor: str
    holder: str
    run_id: str
    seq: int | None
    wait_timeout: float
    interval: float | None
    backoff: str | Sequence[int] | None
    continue_on_timeout: bool
    guard: str
    play: Play | None
    check_mode: bool
    warn: Callable[[str], None]

    @property
    def owner(self) -> str:
        return owner_of(self.run_id, self.holder)


async def requested(state: Callable[[JetStream, Request], Awaitable[Result]], module: Any, js: JetStream) -> Result:
    """Do what the task's parameters ask for. Raises InvalidValue for those that no governor need be asked about."""
    params = module.params
    seq, play = params["seq"], params["play"]
    if seq is not None and seq < 1:
        raise InvalidValue(f"seq must be at least 1, not {seq}.")
    request = Request(
        governor=check_name(params["governor"]),
        holder=params["holder"] or "",
        run_id=params["run_id"] or "",
        seq=seq,
        wait_timeout=parse_duration(params["wait_timeout"], "wait_timeout"),
        interval=interval_seconds(params["interval"]),
        backoff=backoff_policy(params["backoff"]),
        continue_on_timeout=params["on_timeout"] == "continue",
        guard=params["guard"],
        play=Play(**play) if play else None,
        check_mode=module.check_mode,
        warn=module.warn,
    )
    return await state(js, request)


async def acquire(js: JetStream, request: Request) -> Result:
    manager = await load(request.governor, js)
    stack = Stack(request.governor, js)
    empty = manager.state.in_touch and not manager.state.active
    mine = None if empty else await stack.find(lambda entry: entry.owner == request.owner)
    if mine is not None:
        return _acquired(request, manager.state, mine, changed=False)
    _guard(request, manager.limit)
    if request.check_mode:
        return _predicted(request, manager.state)
    governor = Governor(request.governor, js, interval=request.interval, backoff=request.backoff)
    try:
        slot = await governor.start(request.holder, owner=request.owner, timeout=request.wait_timeout)
    except WaitTimeout as exc:
        return _not_acquired(request, exc)
    entry = await slot.entry()
    result = _acquired(request, await manager.refresh(), entry, changed=True)
    result["slot"]["seq"] = slot.seq
    return {**result, "waited": round(slot.waited, 3), "attempts": slot.attempts, "waited_by": slot.waited_by}


async def release(js: JetStream, request: Request) -> Result:
    """By sequence or by owner; NotOwner for what is somebody else's."""
    owned = must_be_owned_by(request.governor, request.owner)
    return await _remove(js, request, lambda entry: entry.owner == request.owner, owned)


async def evict(js: JetStream, request: Request) -> Result:
    """By sequence or by holder, whoever owns it."""
    return await _remove(js, request, lambda entry: entry.holder == request.holder, lambda _entry: None)


async def _remove(
    js: JetStream, request: Request, wanted: Callable[[Entry], bool], check: Callable[[Entry], None]
) -> Result:
    js = replace(js, patience=GIVE_BACK_PATIENCE)
    manager = await load(request.governor, js)
    now, stack = manager.state.now, Stack(request.governor, js)
    if request.seq is None:
        doomed = [entry for entry in await stack.entries() if wanted(entry)]
    else:
        found = await stack.entry(request.seq)
        doomed = [found] if found is not None else []
    for entry in doomed:
        check(entry)
    if not request.check_mode:
        removals = [await stack.remove(entry.seq, check) for entry in doomed]
        doomed = [entry for entry in removals if entry is not None]
        await manager.refresh()
    active = manager.state.active - (len(doomed) if request.check_mode else 0)
    removed = [{**_holder(entry), "seq": entry.seq, "held": round(entry.age(now), 3)} for entry in doomed]
    return {
        "changed": bool(removed),
        "acquired": False,
        "removed": removed,
        "active": active,
        "limit": manager.limit,
        "diff": {"before": {"entries": [_holder(entry) for entry in doomed]}, "after": {"entries": []}},
    }


def _guard(request: Request, limit: int) -> None:
    # One try never waits, so it cannot deadlock.
    if request.guard == "off" or request.play is None or not request.wait_timeout:
        return
    found = danger(request.play, limit)
    if found is None:
        return
    if found.certain and request.guard == "fail":
        raise WouldDeadlock(found.sentence, acquired=False)
    request.warn(found.sentence)


def _acquired(request: Request, state: State, entry: Entry | None, changed: bool) -> Result:
    expires = entry.expires_at(state.config.max_age) if entry else None
    entering = {"holder": request.holder, "run_id": request.run_id}
    return {
        "changed": changed,
        "acquired": True,
        "slot": {
            "governor": request.governor,
            "stream": state.stream["name"],
            "seq": entry.seq if entry else None,
            **entering,
            "acquired_at": format_time(entry.time) if entry else None,
            "expires_at": format_time(expires),
        },
        "waited": 0.0,
        "attempts": 0,
        "waited_by": None,
        "active": state.active,
        "limit": state.config.limit,
        "diff": {"before": {"entries": [] if changed else [entering]}, "after": {"entries": [entering]}},
    }


def _predicted(request: Request, state: State) -> Result:
    """Check mode. A full governor is foretold to be left by somebody within the time to wait, if there is any."""
    full = state.active >= state.config.limit
    if full and not request.wait_timeout:
        facts = {"active": state.active, "limit": state.config.limit, "attempts": 0, "waited": 0.0, "waited_by": None}
        timeout = WaitTimeout(
            f"Governor '{request.governor}' is full: {state.active} of {state.config.limit} slots are held.", **facts
        )
        return _not_acquired(request, timeout)
    result = _acquired(request, state, None, changed=True)
    result["active"] = state.active if full else state.active + 1
    return result


def _not_acquired(request: Request, timeout: WaitTimeout) -> Result:
    if not request.continue_on_timeout:
        timeout.facts["acquired"] = False
        raise timeout
    return {"changed": False, "acquired": False, "msg": str(timeout), **timeout.facts}


def _holder(entry: Entry) -> Result:
    return {"holder": entry.holder, "run_id": entry.run_id}
