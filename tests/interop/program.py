# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choria's governor library as a program: built from ``choria/``, and talked to in lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

SOURCE = Path(__file__).resolve().parent / "choria"

# Building from nothing takes about 30 s on two cores and 65 MB of downloads; a second time a fraction of a second.
_GO_BOUND = 540.0

# The longest that any command may stay silent; what a command waits for itself is bounded by its own -timeout.
_ANSWER_BOUND = 75.0


class ChoriaError(Exception):
    """What the program answered instead of a result: Choria's own words."""


class GoError(Exception):
    """A command of Go's tools failed; the message has what it printed."""


def build(work: Path) -> Path:
    """Compile the program into ``work/interop``. Nothing is written outside ``work``, not even Go's caches."""
    binary = work / "interop" / "choria"
    go_tool(work, "go", "build", "-o", str(binary), ".")
    return binary


def go_tool(work: Path, *command: str) -> str:
    """Run ``go`` or another of its tools on the program; what it printed. Raises GoError."""
    go = shutil.which("go")
    if go is None:
        raise GoError("There is no go on PATH; it is needed to build Choria's library.")
    tool = Path(go).resolve().with_name(command[0])
    done = subprocess.run(
        [tool, *command[1:]],
        cwd=SOURCE,
        env=_go_environment(work / "go"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_GO_BOUND,
        check=False,
    )
    if done.returncode:
        raise GoError(f"{' '.join(command)} in {SOURCE} failed:\n{done.stdout}")
    return done.stdout


def _go_environment(home: Path) -> dict[str, str]:
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(home / "cache"),
        "GOMODCACHE": str(home / "mod"),
        "GOPATH": str(home / "path"),
        # Writable, so that the checkout can be removed like any other folder.
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # Go counts its own use in the user's configuration folder: lead it elsewhere, but let the user's settings hold.
        "XDG_CONFIG_HOME": str(home / "config"),
        "GOENV": os.environ.get("GOENV") or str(configuration / "go" / "env"),
    }


@dataclass(frozen=True)
class Choria:
    """The program, and the server it is to talk to."""

    binary: Path
    url: str

    async def run(self, *words: str) -> Answer:
        """One command from beginning to end. Raises ChoriaError."""
        async with self.talk(*words) as conversation:
            return conversation.opening

    @asynccontextmanager
    async def talk(self, *words: str) -> AsyncIterator[Conversation]:
        """A command that says something, waits to go on, and says something more. Raises ChoriaError.

        Leaving the context closes its input, at which a command that still waits ends without finishing.
        """
        process = await asyncio.create_subprocess_exec(
            self.binary, "-server", self.url, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        conversation = Conversation(process)
        try:
            conversation.opening = await conversation.listen()
            yield conversation
        finally:
            await conversation.end()


class Conversation:
    """A running command. ``opening`` is the first thing that it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.opening: Answer = {}

    async def go_on(self) -> Answer:
        """Let the command go on; its next answer. Raises ChoriaError."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.listen()

    async def listen(self) -> Answer:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_BOUND)
        if not line:
            raise ChoriaError("the program ended without an answer")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise ChoriaError(answer["error"])
        return answer

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()
