# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workers of a run, as its keeper sees them: who lives, who died, and when the run is over.

A worker is dead when its connection ends before it has said ``done``, or when its process ends while another one keeps
the connection open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils.core.names import Owner
from ._keeper_words import Address, Word, address_of, held_of, line, word
from ._local_work import end_work_of

if TYPE_CHECKING:
    from ._keeper_slots import Slots
    from ._keeper_words import Held

# Seconds between two looks for a process, where the system does not tell when one ends.
_LOOK_EVERY = 0.25

# Seconds from the end of a worker's connection until its process must have ended too, and from the death of a worker
# until the last that it said must have been heard.
_DIES_WITHIN = 1.0
_HEARD_WITHIN = 0.1

# Seconds to wait after a connection that could not be accepted.
_ACCEPT_AGAIN = 0.01

# Seconds after the end of the run in which slots can be given back. The lease or max_age ends what is left then.
_GIVE_UP_AFTER = 7.0

# Bytes that a line may have.
_LONGEST = 1 << 20


async def death(pid: int) -> None:
    """Wait until there is no process of that id."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        # Neither macOS nor an old kernel has this.
        while _is_there(pid):  # noqa: ASYNC110  # nobody here could set an event
            await asyncio.sleep(_LOOK_EVERY)
        return
    try:
        loop.add_reader(descriptor, gone.set)
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Worker:
    """One connection of a worker, which holds at most one slot for as long as the connection lasts."""

    def __init__(
        self, load: Callable[[], Awaitable[Slots]], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Make it for a connection that has just come; ``load`` is called when the worker wants something."""
        self._load = load
        self._slots: Slots | None = None
        self._reader = reader
        self._writer = writer
        self._pid = 0
        self._held: Held | None = None
        self._waits_for: tuple[Address, Owner] | None = None

    async def serve(self) -> None:
        """Do as the worker says until it is done, or dies; then end its work, and give its slot back."""
        try:
            here = await self._next()
            if here is not None:
                self._pid = int(here["pid"])
                if await self._dies():
                    await asyncio.to_thread(end_work_of, self._pid)
                self._leaves(gives_back=True)
        finally:
            # Whatever went wrong, the worker is not to believe that somebody listens.
            self._writer.close()

    async def _dies(self) -> bool:
        """Do as the worker says until it is done or dies, and return whether it is dead."""
        dying, listening = asyncio.ensure_future(death(self._pid)), asyncio.ensure_future(self._listen())
        try:
            await asyncio.wait([dying, listening], return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                # What was said before the death counts.
                await asyncio.wait([listening], timeout=_HEARD_WITHIN)
            elif not listening.result():
                # The connection ends shortly before the process does.
                await asyncio.wait([dying], timeout=_DIES_WITHIN)
            return dying.done() and not (listening.done() and listening.result())
        finally:
            dying.cancel()
            listening.cancel()

    async def _listen(self) -> bool:
        """Do as the worker says, and return whether it was done; False where the connection ends before."""
        while (said := await self._next()) is not None:
            if said["say"] == "done":
                self._leaves(said["gives_back"])
                return True
            await self._do(said)
        return False

    async def _do(self, said: Word) -> None:
        self._slots = slots = await self._load()
        kind = said["say"]
        if kind == "wait":
            slots.watch(address_of(said))
            self._waits_for = (address_of(said), Owner(*said["owner"])) if said["owner"] else None
        elif kind == "hold":
            self._held, self._waits_for = held_of(said), None
            slots.hold(self._held, self._is_lost)
        elif kind == "sweep":
            slots.sweep_at_the_end(address_of(said), said["run_id"])
            created = await slots.created(address_of(said))
            if "file" in said:
                _write(said["file"], created or "")
            else:
                self._say("governor", created=created)
        elif kind == "adopt":
            slots.hold(held_of(said))

    def _leaves(self, gives_back: bool) -> None:
        held, self._held = self._held, None
        waits_for, self._waits_for = self._waits_for, None
        if self._slots is None:
            return
        if held is not None:
            self._slots.leave(held, gives_back)
        elif waits_for is not None and gives_back:
            self._slots.give_back_untold(*waits_for)

    def _is_lost(self, why: str) -> None:
        self._say("lost", why=why)
        if self._held is not None and self._held.stops_work:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGUSR1)

    async def _next(self) -> Word | None:
        """Return what the worker says next; None when it says nothing any more."""
        try:
            return word(await self._reader.readline())
        except (OSError, ValueError):
            return None

    def _say(self, say: str, **more: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(line(say, **more))


def _write(file: str, text: str) -> None:
    """Write the text, of which nobody sees a part. Where the run's folder is gone, nobody wants it any more."""
    with contextlib.suppress(OSError):
        Path(f"{file}.new").write_text(text, encoding="utf-8")
        os.replace(f"{file}.new", file)


async def keep(run: int, listening: socket.socket, first: socket.socket | None) -> None:
    """Serve the workers that come, until the ansible-playbook of the id ``run`` is gone and no worker is left.

    ``first`` is the connection of the worker that has been greeted already, None where it is gone.
    """
    workers: set[asyncio.Task[None]] = set()
    loading: list[asyncio.Future[Slots]] = []

    async def load() -> Slots:
        if not loading:
            # It takes longer than other workers want to wait for their greeting.
            loading.append(asyncio.ensure_future(asyncio.to_thread(_load)))
        return await asyncio.shield(loading[0])

    async def serve(connection: socket.socket) -> None:
        await Worker(load, *await asyncio.open_unix_connection(sock=connection, limit=_LONGEST)).serve()

    def comes(connection: socket.socket) -> None:
        task = asyncio.ensure_future(serve(connection))
        workers.add(task)
        task.add_done_callback(workers.discard)

    if first is not None:
        comes(first)
    accepting = asyncio.ensure_future(_accept(listening, comes))
    await death(run)
    while workers:
        await asyncio.wait(workers)
    accepting.cancel()
    if loading:
        # It is not cancelled when that is over: a cancelled release is tried for some time more.
        await asyncio.wait([asyncio.ensure_future((await load()).end())], timeout=_GIVE_UP_AFTER)


async def _accept(listening: socket.socket, comes: Callable[[socket.socket], None]) -> None:
    """Greet who connects, and hand the connection on.

    asyncio's own server looks for the socket by the path that the worker used who made it, which leads nowhere here.
    """
    listening.setblocking(False)
    while True:
        try:
            connection, _address = await asyncio.get_running_loop().sock_accept(listening)
            connection.sendall(line("hello"))
        except OSError:
            # It is gone already, or there are too many.
            await asyncio.sleep(_ACCEPT_AGAIN)
        else:
            comes(connection)


def _load() -> Slots:
    from ._keeper_slots import Slots

    return Slots()
