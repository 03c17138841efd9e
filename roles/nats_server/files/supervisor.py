# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps a program running where there is no systemd.

``supervisor.py start|stop|restart|status SETTINGS``: SETTINGS is a JSON file with ``command`` (a list of words),
``user`` (to run it as, empty for the user who starts it), ``log`` (for what it writes) and ``pid_file``.

The supervisor holds a lock on the pid file for as long as it lives: so a stale file cannot be taken for a process.
It ends, and its program with it, on SIGTERM and when its pid file is removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_SIGNALS = {*_ENDING, signal.SIGCHLD}
_LOOK_EVERY = 1.0
_SETTLED = 10.0
_PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)
_END_WITHIN = 20.0
_PR_SET_PDEATHSIG = 1


class Supervisor:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._command: list[str] = settings["command"]
        self._user: str = settings["user"]
        self._log = Path(settings["log"])
        self._pid_file = Path(settings["pid_file"])

    def start(self) -> str:
        # Never closed: it carries the lock, into the background too.
        lock = self._pid_file.open("a+", encoding="ascii")
        if not _locked(lock.fileno(), within=1.0):
            return "running"
        lock.truncate(0)
        if not _in_background(self._log):
            return "started"
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._keep_running(os.fstat(lock.fileno()))
        # This is the background, where nobody waits for an answer.
        os._exit(0)

    def stop(self) -> str:
        deadline = time.monotonic() + _END_WITHIN + 10.0
        stopped = "absent"
        while self.status() == "running":
            if time.monotonic() > deadline:
                raise SystemExit(f"The supervisor of {self._pid_file} does not end.")
            if stopped == "absent":
                # It may have no number yet, and it may be gone by now.
                with contextlib.suppress(OSError, ValueError):
                    os.kill(int(self._pid_file.read_text(encoding="ascii")), signal.SIGTERM)
                    stopped = "stopped"
            time.sleep(0.05)
        return stopped

    def restart(self) -> str:
        self.stop()
        return self.start()

    def status(self) -> str:
        try:
            with self._pid_file.open(encoding="ascii") as file:
                return "stopped" if _locked(file.fileno()) else "running"
        except FileNotFoundError:
            return "stopped"

    def _keep_running(self, mine: os.stat_result) -> None:
        """Start the program, and start it again when it has ended: soon at first, later if it keeps ending."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pauses = list(_PAUSES)
        while True:
            began = time.monotonic()
            try:
                with self._program() as program:
                    while program.poll() is None:
                        if self._ended(mine, _LOOK_EVERY):
                            return
                print(f"{self._command} ended with {program.returncode}", flush=True)
            except OSError as error:
                print(f"{self._command} cannot be started: {error}", flush=True)
            if time.monotonic() - began > _SETTLED:
                pauses = list(_PAUSES)
            if self._ended(mine, pauses.pop(0) if len(pauses) > 1 else pauses[0]):
                return

    def _ended(self, mine: os.stat_result, within: float) -> bool:
        """Wait for news. Whether they are that it is over."""
        news = signal.sigtimedwait(_SIGNALS, within)
        if news is not None and news.si_signo in _ENDING:
            return True
        try:
            return not os.path.samestat(mine, self._pid_file.stat())
        except FileNotFoundError:
            return True

    @contextlib.contextmanager
    def _program(self) -> Iterator[subprocess.Popen[bytes]]:
        # No threads here that could make preexec_fn unsafe.
        program = subprocess.Popen(self._command, preexec_fn=_as_child, **_identity(self._user))  # noqa: PLW1509
        try:
            yield program
        finally:
            program.terminate()
            try:
                program.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def _identity(user: str) -> dict[str, Any]:
    if not user or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def _as_child() -> None:
    """In the program's process, before it is the program: let it have its signals, and not outlive the supervisor."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _locked(descriptor: int, within: float = 0.0) -> bool:
    """Take the lock. Somebody who asks for the status has it too, for a moment."""
    deadline = time.monotonic() + within
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _in_background(log: Path) -> bool:
    """Go on as a process of no terminal, which writes to the log. False in the process that was there before."""
    if os.fork():
        os.wait()
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    for descriptor, number in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, number)
    return True


def main() -> None:
    words = {name: getattr(Supervisor, name) for name in ("start", "stop", "restart", "status")}
    if len(sys.argv) != 3 or sys.argv[1] not in words:
        raise SystemExit(__doc__)
    settings = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(words[sys.argv[1]](Supervisor(settings)))


if __name__ == "__main__":
    main()
