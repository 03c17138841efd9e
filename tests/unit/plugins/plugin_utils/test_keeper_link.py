# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker and the keeper of its run: how they find each other, and how the keeper ends. Real processes, no server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils import _keeper_link as keeper_link
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_link import KeeperLink, NoKeeper
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import Address

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks through /proc for the keeper")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the place of ansible-playbook, whose folder has a long name."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    monkeypatch.setattr(keeper_link, "_folder_name", lambda: str(folder))
    with subprocess.Popen(["sleep", "60"]) as process:
        monkeypatch.setattr(keeper_link, "process_of_run", lambda: process.pid)
        yield process
        process.kill()
        process.wait()
        wait_until(lambda: not keepers(process.pid))


def keepers(run: int) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(f"plugin_utils._keeper\0{run}\0".encode()):
                found.append(int(pid))
    return found


def has_ended(pid: int) -> bool:
    """Tell whether a process has closed all that it had open, also where its parent has not noticed its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_until(condition: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def greeted() -> KeeperLink:
    link = KeeperLink()
    asyncio.run(link.greeting())
    if link._starting is not None:
        # Until then, the process that leaves the keeper behind looks like a keeper.
        link._starting.wait(10)
    return link


def test_all_workers_of_a_run_have_one_keeper(run: subprocess.Popen[bytes]) -> None:
    first, second = greeted(), greeted()
    (keeper,) = keepers(run.pid)
    assert os.getsid(keeper) not in (keeper, os.getsid(0)), "it is in a session that can get no terminal"
    first.done()
    second.done()
    assert keepers(run.pid) == [keeper], "it stays for the others of the run"


def test_those_who_start_it_at_the_same_moment_start_one(run: subprocess.Popen[bytes]) -> None:
    links: list[KeeperLink] = []
    threads = [threading.Thread(target=lambda: links.append(KeeperLink())) for _each in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for link in links:
        asyncio.run(link.greeting())
        link.done()
    assert len(links) == 5
    assert len(keepers(run.pid)) == 1


def test_it_is_no_descendant_of_the_worker_and_has_nothing_of_it(
    run: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_PASSWORD", "not-to-be-seen")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    link = greeted()
    link.done()
    (keeper,) = keepers(run.pid)
    process = Path(f"/proc/{keeper}")
    assert b"not-to-be-seen" not in (process / "environ").read_bytes()
    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    assert parent != os.getpid()
    assert {os.readlink(process / "fd" / each) for each in "012"} == {"/dev/null"}
    os.close(writing)
    assert os.read(reading, 1) == b"", "no other process has the end of this pipe open"
    os.close(reading)


def test_another_is_started_when_it_was_killed(run: subprocess.Popen[bytes]) -> None:
    greeted().done()
    (keeper,) = keepers(run.pid)
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: has_ended(keeper))
    greeted().done()
    assert len(keepers(run.pid)) == 1


def test_a_link_to_a_keeper_that_was_killed_says_so(run: subprocess.Popen[bytes]) -> None:
    link = greeted()
    (keeper,) = keepers(run.pid)
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: has_ended(keeper))
    with pytest.raises(NoKeeper, match="it has ended"):
        link.wait_for(Address(Settings(), "g"), None)
    assert link.lost() is None
    link.done()


def test_no_signal_but_sigkill_ends_it_before_its_run(run: subprocess.Popen[bytes]) -> None:
    greeted().done()
    (keeper,) = keepers(run.pid)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.kill(keeper, number)
    greeted().done()
    assert keepers(run.pid) == [keeper]


def test_it_waits_for_the_last_worker_of_a_run_that_is_over(run: subprocess.Popen[bytes]) -> None:
    link = greeted()
    (keeper,) = keepers(run.pid)
    run.kill()
    run.wait()
    time.sleep(0.3)
    assert keepers(run.pid) == [keeper]
    link.done()
    wait_until(lambda: not keepers(run.pid))


def test_a_keeper_that_does_not_greet(run: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    greeted().done()
    (keeper,) = keepers(run.pid)
    os.kill(keeper, signal.SIGSTOP)
    monkeypatch.setattr(keeper_link, "_GREETS_WITHIN", 0.2)
    link = KeeperLink()
    with pytest.raises(NoKeeper, match=r"^it has not answered within 0\.2 s$"):
        asyncio.run(link.greeting())
    link.done()
    os.kill(keeper, signal.SIGCONT)


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_link, "_folder_name", lambda: str(tmp_path / "gone"))
    with pytest.raises(NoKeeper, match=re.escape(str(tmp_path / "gone"))):
        KeeperLink()


@pytest.mark.usefixtures("run")
def test_whoever_waits_tells_whose_slot_it_will_be() -> None:
    """Said in words that the keeper understands, or it would end the link."""
    link = greeted()
    link.wait_for(Address(Settings(), "g"), Owner("run", "web01", "web01"))
    link.wait_for(Address(Settings(), "g"), None)
    time.sleep(0.2)
    assert link.lost() is None
    link.done()
