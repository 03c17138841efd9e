# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the keeper does for slots: renew them, look for dead holders, and give back what was left behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from ..module_utils._connection import connected
from ..module_utils._secrecy import redact
from ..module_utils._settings import Settings
from ..module_utils.core.entry import Entry
from ..module_utils.core.errors import GovernorError, NotOwner, UnknownGovernor
from ..module_utils.core.jetstream import FINISH_PATIENCE, JetStream
from ..module_utils.core.names import Owner
from ..module_utils.core.reaper import Reaper
from ..module_utils.core.renewal import Renewal
from ..module_utils.core.slot import Slot
from ..module_utils.core.stack import Stack, only_if
from ..module_utils.core.state import State
from ..module_utils.core.timing import Answer, Timing
from ._keeper_words import Address, Held

# Seconds between two looks at a governor.
_LOOK_EVERY = 10.0

# Seconds between two tries to connect.
_CONNECT_EVERY = 1.0

# Seconds in which a worker is told of a governor.
_TOLD_WITHIN = 2.0

OnLost = Callable[[str], None]


class _Server:
    """The one connection that leads where some settings say; ``failed``: the last try to make it did not succeed."""

    def __init__(self, settings: Settings) -> None:
        self.failed = False
        self._settings = settings
        self._opening = asyncio.Lock()
        self._js: JetStream | None = None
        self._closing = contextlib.AsyncExitStack()

    async def js(self) -> JetStream:
        """Return JetStream over the connection, which is made if need be. Raises CannotConnect."""
        async with self._opening:
            if self._js is None or self._js.nc.is_closed:
                try:
                    self._js = await self._closing.enter_async_context(connected(self._settings))
                except GovernorError:
                    self.failed = True
                    raise
                self.failed = False
            return self._js

    async def close(self) -> None:
        await self._closing.aclose()


class Slots:
    """The slots of one run, as its workers tell of them."""

    def __init__(self) -> None:
        """Begin, with no slot and no connection."""
        self._timing = Timing()
        self._servers: dict[Settings, _Server] = {}
        self._looking: dict[Address, asyncio.Future[None]] = {}
        self._held: dict[str, tuple[Held, asyncio.Future[None] | None]] = {}
        self._kept: set[str] = set()
        self._sweeps: dict[tuple[Address, str], None] = {}
        self._returning: set[asyncio.Future[Any]] = set()

    # -- what workers tell

    def watch(self, address: Address) -> None:
        """Look at the governor from now on, for holders who died."""
        if address not in self._looking:
            self._looking[address] = asyncio.ensure_future(self._look(address))

    def hold(self, held: Held, on_lost: OnLost | None = None) -> None:
        """Renew the slot if it has a lease. ``on_lost`` is called with a sentence when it is lost."""
        self.watch(held.address)
        if not held.ends_with_worker:
            self._kept.add(held.token)
        if held.token not in self._held:
            self._held[held.token] = (held, self._renewing(held, on_lost))

    def leave(self, held: Held, gives_back: bool) -> None:
        """Renew the slot no more, since its worker has ended it, or is dead. ``gives_back``: it was not ended."""
        _held, renewing = self._held.pop(held.token, (held, None))
        if renewing is not None:
            renewing.cancel()
        if gives_back and held.ends_with_worker:
            self._return(self._give_back(held))

    def give_back_untold(self, address: Address, owner: Owner) -> None:
        """Release the slot of a worker that died while it waited for one, if it came at the last moment."""
        told = {*self._held, *self._kept}
        self._return(self._release(address, lambda entry: entry.owner == owner and entry.token not in told))

    def sweep_at_the_end(self, address: Address, run_id: str) -> None:
        """Release at the end of the run what it still holds in the governor, unless that was kept on purpose."""
        self.watch(address)
        self._sweeps[address, run_id] = None

    async def created(self, address: Address) -> str | None:
        """Return when the governor was created, by which it can be told from others of its name; None if unknown.

        Nobody waits for a server for long, nor for one that could not be reached before.
        """
        if self._server(address).failed:
            return None
        try:
            state = await asyncio.wait_for(self._state(address), _TOLD_WITHIN)
        except (GovernorError, asyncio.TimeoutError):
            return None
        return state.created.isoformat()

    async def end(self) -> None:
        """Give back what was left behind, and close all connections. It may take as long as a server is away."""
        await asyncio.gather(*self._returning, *(self._sweep(*each) for each in self._sweeps), return_exceptions=True)
        await asyncio.gather(*(server.close() for server in self._servers.values()), return_exceptions=True)

    # -- the work

    def _server(self, address: Address) -> _Server:
        return self._servers.setdefault(address.settings, _Server(address.settings))

    async def _stack(self, address: Address) -> Stack:
        return Stack(address.governor, await self._server(address).js())

    async def _state(self, address: Address) -> State:
        return await (await self._stack(address)).state()

    async def _slot(self, held: Held) -> Slot:
        return Slot(
            governor=held.address.governor,
            seq=held.seq,
            holder=held.holder,
            owner=held.owner,
            token=held.token,
            waited=0.0,
            attempts=0,
            waited_by=None,
            stack=await self._stack(held.address),
            lease=held.lease,
            renewed_at=held.renewed_at,
        )

    def _renewing(self, held: Held, on_lost: OnLost | None) -> asyncio.Future[None] | None:
        """Return the work that goes on until the slot is left; None where nothing is to be done for it."""
        if held.lease is not None:
            return asyncio.ensure_future(self._renew(held, on_lost))
        return asyncio.ensure_future(self._see(held, on_lost)) if held.stops_work else None

    async def _renew(self, held: Held, on_lost: OnLost | None) -> None:
        """Renew the slot until it is gone or this is cancelled, whatever happens to the connection."""
        while True:
            try:
                slot = await self._slot(held)
                if await _renewed_to_its_end(slot, on_lost):
                    self._held.pop(held.token, None)
                    return
                held = replace(held, renewed_at=slot.renewed_at)
            except GovernorError as exc:
                if on_lost is not None and self._timing.clock() > held.renewed_at + (held.lease or 0.0):
                    on_lost(redact(str(exc)))
            await self._timing.sleep(_CONNECT_EVERY)

    async def _see(self, held: Held, on_lost: OnLost | None) -> None:
        """Look whether a slot without a lease is still there, until it is gone or this is cancelled."""
        while True:
            await self._timing.sleep(_LOOK_EVERY)
            with contextlib.suppress(GovernorError):
                if not await (await self._slot(held)).still_held():
                    break
        if on_lost is not None:
            on_lost("it was evicted, it has expired, or the governor was deleted")

    async def _look(self, address: Address) -> None:
        while True:
            again: float | None = None
            with contextlib.suppress(GovernorError):
                stack = await self._stack(address)
                state = await stack.state()
                if not state.room:
                    again = await Reaper(stack).look(state)
            await self._timing.sleep(min(_LOOK_EVERY, again or _LOOK_EVERY))

    async def _give_back(self, held: Held) -> None:
        async def once() -> bool:
            return await (await self._slot(held)).finish()

        await self._repeat(once)

    async def _sweep(self, address: Address, run_id: str) -> None:
        await self._release(address, lambda entry: entry.run_id == run_id and entry.token not in self._kept)

    async def _release(self, address: Address, is_left: Callable[[Entry], bool]) -> None:
        """Release the slots of the governor that are left."""

        async def once() -> None:
            stack = await self._stack(address)
            for entry in filter(is_left, await stack.entries()):
                with contextlib.suppress(NotOwner):
                    await stack.delete(entry.seq, only_if(address.governor, is_left, "this run"))

        with contextlib.suppress(UnknownGovernor):
            await self._repeat(once)

    def _return(self, work: Coroutine[Any, Any, Any]) -> None:
        returning = asyncio.ensure_future(work)
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)

    def _repeat(self, once: Callable[[], Awaitable[Answer]]) -> Coroutine[Any, Any, Answer]:
        return self._timing.until_verdict(once, 0.0, self._timing.clock() + FINISH_PATIENCE)


async def _renewed_to_its_end(slot: Slot, on_lost: OnLost | None) -> bool:
    """Renew the slot until it is gone, and return True; False when its connection is closed for good."""
    renewing = asyncio.ensure_future(Renewal(slot, on_lost).run())
    try:
        while not (await asyncio.wait([renewing], timeout=_LOOK_EVERY))[0]:
            if slot.stack.js.nc.is_closed:
                return False
        renewing.result()
        return True
    finally:
        renewing.cancel()
