# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker's link to the keeper of its run, which it starts if there is none.

The link is a connection to a socket in Ansible's local temporary folder of the run. It is open for as long as the
worker needs the keeper, and ends when the worker dies. Who starts the keeper listens on the socket before the keeper
itself does, so that nobody has to wait until it can be reached.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ansible import constants

from ..module_utils.core.names import Owner
from ._keeper_words import LOCK, SOCKET, Address, Held, Word, address_words, held_words, line, word
from ._play import process_of_run

# Seconds to wait for those who start the keeper, and for its greeting.
_GREETS_WITHIN = 5.0

_MODULE = f"{__package__}._keeper"

# What the keeper needs of the environment. Where to find NATS, and the secrets for it, it is told.
_ENVIRONMENT = ("HOME", "LANG", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR")


class NoKeeper(Exception):
    """There is no keeper that can be talked to. The message says why, as the end of a sentence."""


class KeeperLink:
    """The link of one slot, or of one task, to the keeper. Nothing of it raises anything but NoKeeper."""

    def __init__(self) -> None:
        """Connect to the keeper, which is started if need be. It has not greeted yet. Raises NoKeeper."""
        self._buffer = b""
        self._lost: str | None = None
        self._starting: subprocess.Popen[bytes] | None = None
        try:
            with _folder() as folder:
                self._socket = self._connect(folder) or self._start(folder)
        except OSError as exc:
            raise NoKeeper(f"{_folder_name()}: {exc}") from exc
        self._say("here", pid=os.getpid())

    async def greeting(self) -> None:
        """Wait until the keeper has greeted, so that it is there. Raises NoKeeper when that takes too long."""
        import asyncio

        from ..module_utils.core.timing import outcome

        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._socket, heard.set)
        try:
            await outcome(heard.wait(), _GREETS_WITHIN)
        except asyncio.TimeoutError:
            raise NoKeeper(f"it has not answered within {_GREETS_WITHIN:g} s") from None
        finally:
            loop.remove_reader(self._socket)
        self._next(0)

    def wait_for(self, address: Address, owner: Owner | None) -> None:
        """Tell that the worker waits for a slot there.

        ``owner``: whose that slot will be if it is to end with the worker, which may die before it can tell more.
        """
        self._say("wait", owner=owner, **address_words(address))

    def hold(self, held: Held) -> None:
        """Tell that the worker holds the slot from now on, until ``done``."""
        self._say("hold", **held_words(held))

    def lost(self) -> str | None:
        """Return why the slot is lost as far as the keeper knows by now; None while it is held."""
        with contextlib.suppress(NoKeeper):
            while (said := self._next(0)) is not None:
                self._lost = str(said["why"]) if said["say"] == "lost" else self._lost
        return self._lost

    def sweep(self, address: Address, run_id: str, within: float) -> str | None:
        """Have released at the end of the run what it still holds there then.

        Return when the governor was created; None where the keeper does not know, or has not told after so many
        seconds.
        """
        self._say("sweep", run_id=run_id, **address_words(address))
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            said = self._next(left)
            if said is not None and said["say"] == "governor":
                created = said.get("created")
                return None if created is None else str(created)
        return None

    def sweep_and_write(self, address: Address, run_id: str) -> str:
        """Have released at the end of the run what it still holds there then.

        Return the name of a file in the run's folder, which is there as soon as the keeper knows when the governor was
        created: it says that, or nothing.
        """
        file = f"{_folder_name()}/created.{os.getpid()}.{time.monotonic_ns()}"
        self._say("sweep", run_id=run_id, file=file, **address_words(address))
        return file

    def adopt(self, held: Held) -> None:
        """Have the slot renewed until it is released, or the run is over."""
        self._say("adopt", **held_words(held))

    def done(self, gives_back: bool = False) -> None:
        """Tell that the worker needs the keeper no more, and close the link.

        ``gives_back``: the worker could not release its slot, and leaves that to the keeper.
        """
        with contextlib.suppress(NoKeeper):
            self._say("done", gives_back=gives_back)
        self._socket.close()
        if self._starting is not None:
            # It leaves the keeper behind as soon as it runs: see ``main`` in _keeper.py.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._starting.wait(_GREETS_WITHIN)

    def _connect(self, folder: str) -> socket.socket | None:
        """Return a connection to the keeper that is there; None where none is."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_GREETS_WITHIN)
        try:
            connection.connect(f"{folder}/{SOCKET}")
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        except OSError:
            connection.close()
            raise
        return connection

    def _start(self, folder: str) -> socket.socket:
        """Start a keeper, unless somebody else has done so meanwhile, and return a connection to it."""
        with _locked(f"{folder}/{LOCK}"), contextlib.ExitStack() as stack:
            found = self._connect(folder)
            if found is None:
                listening = stack.enter_context(socket.socket(socket.AF_UNIX))
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{folder}/{SOCKET}")
                listening.bind(f"{folder}/{SOCKET}")
                listening.listen(1024)
                self._starting = _start(listening)
                found = self._connect(folder)
            if found is None:
                raise ConnectionRefusedError("nobody listens on the socket that was just made")
            return found

    def _next(self, within: float) -> Word | None:
        """Return what the keeper says next, within so many seconds; None where that is nothing. Raises NoKeeper."""
        deadline = time.monotonic() + within
        try:
            while b"\n" not in self._buffer:
                if not select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    return None
                received = self._socket.recv(1 << 16)
                if not received:
                    raise NoKeeper("it has ended")
                self._buffer += received
            text, _newline, self._buffer = self._buffer.partition(b"\n")
            return word(text)
        except OSError as exc:
            raise NoKeeper(f"it has ended: {exc}") from exc
        except ValueError as exc:
            raise NoKeeper(f"it cannot be understood: {exc}") from exc

    def _say(self, say: str, **more: object) -> None:
        try:
            self._socket.sendall(line(say, **more))
        except OSError as exc:
            raise NoKeeper(f"it has ended: {exc}") from exc


def _start(listening: socket.socket) -> subprocess.Popen[bytes]:
    """Start the keeper, whose standard input is the socket on which it listens."""
    root = str(Path(__file__).parents[5])
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-m", _MODULE, str(process_of_run())],
        stdin=listening.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )


def _folder_name() -> str:
    return str(constants.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]  # set when it is loaded


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """Yield a path of the run's folder that is short enough for the name of a socket, where there is such a path."""
    descriptor = os.open(_folder_name(), os.O_RDONLY)
    try:
        short = f"/proc/self/fd/{descriptor}"
        yield short if os.path.isdir(short) else _folder_name()
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Let nobody else of this run start a keeper meanwhile. Raises TimeoutError where that takes too long."""
    deadline = time.monotonic() + _GREETS_WITHIN
    with open(path, "w", encoding="ascii") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("another worker has been starting it for too long") from None
                time.sleep(0.01)
        yield
