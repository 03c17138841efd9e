# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release what a run still holds when it ends: quickly, and whatever state NATS is in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils.connection import connected
from ..module_utils.connection_options import CONNECTION_OPTIONS
from ..module_utils.core.durations import format_duration
from ..module_utils.core.entry import Entry
from ..module_utils.core.errors import GovernorError, InvalidValue, UnknownGovernor
from ..module_utils.core.stack import Stack, only_if
from ..module_utils.secrecy import redact
from ..module_utils.settings import Settings, resolve
from .ledger import Address, Ledger, Row
from .libraries import require_here

# Seconds for each request, and for each governor. Nobody who ends a run wants to wait for a server that is gone, and
# max_age ends what is left.
_PATIENCE = 2.0
_WITHIN = 5.0

Tell = Callable[[str], None]


def release_leftovers(ledger: Ledger, tell: Tell, warn: Tell) -> None:
    """Release every slot that is still held by the ledger's account, and those of the run that no task has told of.

    ``tell`` is called with a line for each. What cannot be released is left to max_age, and ``warn`` is called with a
    line for it. Raises nothing for what is wrong with NATS.
    """
    held_at = [row.address for row in ledger.leftovers()]
    addresses = [address for address in ledger.addresses if ledger.may_have_more() or address in held_at]
    if addresses:
        asyncio.run(_all(_Returns(ledger, tell, warn), addresses))


async def _all(returns: _Returns, addresses: list[Address]) -> None:
    # asyncio looks up host names in a thread, and a Python process that ends can start none any more.
    asyncio.get_running_loop().getaddrinfo = _look_up  # type: ignore[method-assign]
    await asyncio.gather(*(returns.at(address) for address in addresses))


async def _look_up(host: Any, port: Any, **hints: Any) -> Any:
    return socket.getaddrinfo(host, port, **hints)


class _Returns:
    def __init__(self, ledger: Ledger, tell: Tell, warn: Tell) -> None:
        self._ledger = ledger
        self._tell = tell
        self._warn = warn

    async def at(self, address: Address) -> None:
        rows = [row for row in self._ledger.leftovers() if row.address == address]
        try:
            await asyncio.wait_for(self._at(address, rows), _WITHIN)
        except asyncio.TimeoutError:
            self._failed(rows, f"no answer within {_WITHIN:g} s.")
        except GovernorError as exc:
            self._failed(rows, redact(str(exc)))

    async def _at(self, address: Address, rows: list[Row]) -> None:
        settings = _settings(address)
        require_here(settings)
        async with connected(settings) as js:
            stack = Stack(address.governor, js)
            try:
                entries = {entry.seq: entry for entry in await stack.entries()}
                now = (await stack.state()).now
            except UnknownGovernor:
                entries = {}
            for row in rows:
                entry = entries.get(row.seq or 0)
                if entry is None or entry.owner != row.owner or not await _release(stack, entry):
                    row.is_held, row.note = False, "lost"
                    continue
                row.is_held, row.held, row.note = False, entry.age(now), "released at the end"
                self._tell(
                    f"Released slot {entry.seq} of governor '{address.governor}', which {row.host} acquired in "
                    f"'{row.task}' and held for {format_duration(row.held)}."
                )
            for entry in entries.values():
                untold = self._ledger.may_have_more() and self._ledger.is_untold(address.governor, entry)
                # Where two addresses lead to the same governor, the first one that gets there releases the slot.
                if untold and await _release(stack, entry):
                    self._tell(
                        f"Released slot {entry.seq} of governor '{address.governor}', which {entry.shown} acquired in "
                        f"a task that did not tell of it, and held for {format_duration(entry.age(now))}."
                    )

    def _failed(self, rows: list[Row], reason: str) -> None:
        for row in rows:
            if row.is_held:
                self._warn(
                    f"Could not release slot {row.seq} of governor '{row.governor}', which {row.host} acquired in "
                    f"'{row.task}'; max_age ends it. {reason}"
                )


async def _release(stack: Stack, entry: Entry) -> Entry | None:
    return await stack.delete(entry.seq, only_if(stack.name, lambda now: now.owner == entry.owner, "this run"))


def _settings(address: Address) -> Settings:
    """Return the settings that the task's module had, with less patience. Raises InvalidValue."""
    checked = ArgumentSpecValidator(CONNECTION_OPTIONS).validate(dict(address.options))
    if checked.error_messages:
        raise InvalidValue("The task's connection options are not valid.")
    settings = resolve(checked.validated_parameters, {**os.environ, **address.environment})
    return replace(
        settings,
        connect_timeout=min(settings.connect_timeout, _PATIENCE),
        request_timeout=min(settings.request_timeout, _PATIENCE),
    )
