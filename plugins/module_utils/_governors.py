# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What governor_stream and governor_info do with a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Callable, Literal

from ._results import Result, entry_result, governor_result, predicted_governor
from .core.census import count_by_priority
from .core.config import Change, Desired, GovernorConfig
from .core.durations import parse_duration
from .core.entry import Entry
from .core.errors import GovernorError, InvalidValue, NoVerdict, PermissionRefused, UnknownGovernor
from .core.hazards import check_change, hazards
from .core.jetstream import JetStream
from .core.leases import Leases
from .core.listing import list_governors, load_governors
from .core.manager import Manager
from .core.names import campaign_subject
from .core.pause import Pause
from .core.stack import Stack
from .core.twins import warning_of_twin
from .core.urgency import PRIORITIES

Params = Mapping[str, Any]
Warn = Callable[[str], None]

# Check mode says this after the sentence that a governor is missing, and goes on as if all its slots were free.
MAY_COME_LATER = "In check mode this is no failure: an earlier task may be the one that creates it."


async def load(name: str, js: JetStream) -> Manager:
    """Load the governor. Raises UnknownGovernor, whose sentence names the governors that exist."""
    try:
        return await Manager.load(name, js)
    except UnknownGovernor as exc:
        raise UnknownGovernor(f"{exc} {await _others(js)} governor_stream creates one.") from exc


async def load_or_predict(name: str, js: JetStream, check_mode: bool, warn: Warn) -> Manager | None:
    """Load the governor; in check mode, warn of a missing one and return None, since an earlier task may create it."""
    try:
        return await load(name, js)
    except UnknownGovernor as exc:
        if not check_mode:
            raise
        warn(f"{exc} {MAY_COME_LATER}")
        return None


async def present(js: JetStream, params: Params, check_mode: bool, warn: Warn) -> Result:
    """Create the governor, or change what is given and differs; in check mode, tell what that would do.

    Warns of what is unsafe about the governor on its server. Raises what ``Manager.reconcile`` raises, also in check
    mode as far as it can be foreseen.
    """
    name, force, desired = params["name"], params["force"], _desired(params)
    if check_mode:
        if desired.lacking and await Manager.find(name, js) is None:
            return await _predicted_change(js, name, desired, warn)
        current, (before, after, changes) = await Manager.plan(name, js, desired)
        state, stream = (current.state, current.state.stream) if current else (None, {})
        check_change(state, after, js.server_version, js.server, force)
    else:
        reached = await Manager.reconcile(name, js, desired, force)
        before, after, changes = reached.before, reached.config, reached.changes
        state, stream = reached.state, reached.state.stream
    found = hazards(after, stream, js.server_version)
    twin = await warning_of_twin(js, state) if state else None
    for warning in [*found, *filter(None, [twin])]:
        warn(warning)
    return {
        "changed": bool(changes),
        "governor": governor_result(after, state, found),
        "changes": [change._asdict() for change in changes],
        "diff": _diff(before, after),
    }


async def _predicted_change(js: JetStream, name: str, desired: Desired, warn: Warn) -> Result:
    """Tell in check mode what would change in a governor that an earlier task may create.

    Its other settings are not known here.
    """
    desired.check()
    await load_or_predict(name, js, check_mode=True, warn=warn)
    given = desired.as_options()
    return {
        "changed": bool(given),
        "governor": predicted_governor(name, desired),
        "changes": [Change(option, None, value)._asdict() for option, value in given.items()],
        "diff": {"before": {}, "after": given},
    }


async def absent(js: JetStream, params: Params, check_mode: bool) -> Result:
    """Delete the governor and its queue, if there is any. Raises InUse for one with entries, unless it is forced."""
    current = await Manager.find(params["name"], js, look_closely=True)
    # A deletion that was cut short may have left the queue alone.
    queue = Stack(params["name"], js).queue
    left_over = current is None and await queue.exists()
    if current is not None:
        current.check_deletion(params["force"])
        if not check_mode:
            await current.delete(params["force"])
    elif left_over and not check_mode:
        await queue.delete()
    return {
        "changed": current is not None or left_over,
        "governor": None,
        "changes": [],
        "diff": _diff(current.config if current else None, None),
    }


async def reset(js: JetStream, params: Params, check_mode: bool, warn: Warn) -> Result:
    """Remove all entries of the governor; in check mode, count them. Raises UnknownGovernor, except in check mode."""
    manager = await load_or_predict(params["name"], js, check_mode, warn)
    if manager is None:
        return {
            "changed": False,
            "governor": predicted_governor(params["name"], Desired()),
            "changes": [],
            "removed": 0,
            "diff": {"before": {"active": 0}, "after": {"active": 0}},
        }
    before = manager.state.active
    removed = before if check_mode else await manager.reset()
    state = manager.state if check_mode else await manager.refresh()
    governor = {**governor_result(manager.config, state, manager.hazards), "queue": (await _queue(manager))["queue"]}
    if check_mode:
        governor.update(active=0, over_limit=False)
    return {
        "changed": removed > 0,
        "governor": governor,
        "changes": [],
        "removed": removed,
        "diff": {"before": {"active": removed}, "after": {"active": 0}},
    }


async def info(js: JetStream, names: Sequence[str], collective: str | None, with_entries: bool) -> Result:
    """Describe the governors of these names; without names all of them, or all of the ``collective``.

    The result has the names that no governor has as ``missing``, and as ``server`` the one that answered, as host:port.
    """
    if names:
        found = [(name, await Manager.find(name, js)) for name in dict.fromkeys(names)]
        managers = [manager for _name, manager in found if manager is not None]
    else:
        found, managers = [], await load_governors(js, collective, look_closely=True)
    return {
        "changed": False,
        "governors": list(await asyncio.gather(*(_described(manager, with_entries) for manager in managers))),
        "missing": [name for name, manager in found if manager is None],
        "server": js.server,
    }


async def _described(manager: Manager, with_entries: bool) -> Result:
    described = {**governor_result(manager.config, manager.state, manager.hazards), **await _queue(manager)}
    described["waiting_by_priority"] = await _by_priority(manager, described["waiting"])
    if with_entries:
        entries = await manager.entries()
        signs = await _last_signs(manager, entries)
        described["entries"] = [entry_result(entry, manager.state, signs.get(entry.token or "")) for entry in entries]
    return described


async def _last_signs(manager: Manager, entries: Sequence[Entry]) -> dict[str, datetime]:
    """Return when the holders gave their last signs of life, by token. Empty where this NATS user may not read them."""
    tokens = [entry.token for entry in entries if entry.token and entry.lease]
    try:
        return await Leases(manager.js).last_signs(manager.name, tokens)
    except (PermissionRefused, NoVerdict):
        return {}


async def _queue(manager: Manager) -> Result:
    """Return the condition of the queue, and how many wait in it: None where ``queue`` tells why that is not known."""
    if manager.queue_condition == "ready" and manager.state.room:
        # In a list of a thousand governors, only those that let nobody in are worth a request each.
        return {"queue": "ready", "waiting": 0}
    if manager.queue_condition == "absent":
        return {"queue": "absent", "waiting": None}
    try:
        state = await manager.queue.state()
    except (PermissionRefused, NoVerdict):
        return {"queue": "unreadable", "waiting": None}
    if state is not None:
        return {"queue": "ready", "waiting": state.waiting}
    # Its stream may be there without the consumer: nobody can wait in it then.
    try:
        return {"queue": "broken" if await manager.queue.exists() else "absent", "waiting": None}
    except PermissionRefused:
        return {"queue": "unreadable", "waiting": None}


async def _by_priority(manager: Manager, waiting: int | None) -> dict[str, int] | None:
    """Return how many of so many waiters have which priority; None where that, or ``waiting``, is not known."""
    if not waiting:
        return None if waiting is None else dict.fromkeys(PRIORITIES, 0)
    return await count_by_priority(manager.js, manager.name, waiting, everyone=True)


def _desired(params: Params) -> Desired:
    max_age, collective = params["max_age"], params["collective"]
    return Desired(
        limit=params["limit"],
        max_age=None if max_age is None else parse_duration(max_age, "max_age"),
        replicas=params["replicas"],
        subject=campaign_subject(params["name"], collective) if collective else params["subject"],
        description=params["description"],
        queue=params["queue"],
        lease=params["lease"],
        paused=_pause(params["paused"], params["reason"]),
    )


def _pause(paused: bool | None, reason: str | None) -> Pause | Literal[False] | None:
    if reason and not paused:
        raise InvalidValue("reason is why a governor is paused: it needs 'paused: true'.")
    return Pause(_me(), datetime.now(timezone.utc), reason or None) if paused else paused


def _me() -> str:
    """Return the user that this process runs as, and the name of this machine."""
    number = os.geteuid()
    # A container may run as a user that it has no name for.
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(number).pw_name}@{socket.gethostname()}"
    return f"{number}@{socket.gethostname()}"


def _diff(before: GovernorConfig | None, after: GovernorConfig | None) -> Result:
    return {"before": before.as_options() if before else {}, "after": after.as_options() if after else {}}


async def _others(js: JetStream) -> str:
    try:
        names = await list_governors(js)
    except GovernorError:
        return "Which governors exist could not be read."
    if not names:
        return "There is no governor at all."
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"Governors that exist: {', '.join(names[:10])}{more}."
