# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Governed tasks that end otherwise than planned: the slot comes back when the local work has ended, nothing is left.

What ends them is told to ansible-playbook alone, unless a terminal does it or all its processes are told. Before 2.19
ansible-core does nothing on SIGTERM: ansible-playbook ends at once, and its workers, which learn nothing of it, go on.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.tests.support.client import until, within
from ansible_collections.jetstream.governor.tests.support.playbook import Playbook, venvs
from ansible_collections.jetstream.governor.tests.support.proxy import Proxy
from ansible_collections.jetstream.governor.tests.support.scene import SOON, another_holds, scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])

ENDINGS = ["SIGINT", "SIGTERM", "ctrl-c", "ctrl-c twice", "all thrice"]

# An action as those of connections that break in the middle: only the executor can tell what became of its host.
BREAKS = """
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        raise AnsibleConnectionFailure("the connection broke")
"""

# An action that runs an event loop.
LOOPS = """
import asyncio

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        async def work():
            await (await asyncio.create_subprocess_exec(*self._task.args["command"].split())).wait()

        asyncio.run(work())
        return {}
"""

# Work that SIGTERM does not end.
DEAF = """
import signal, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
what = "start"
while True:
    with open(sys.argv[1], "a") as stream:
        stream.write(f"deaf {what} {time.monotonic()}\\n")
    what = "there"
    time.sleep(0.02)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "server") as running:
        yield running


def passes_signals_on(venv: Path) -> bool:
    words = [str(venv / "bin" / "python"), "-c", "import ansible.release as r; print(r.__version__)"]
    version = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return tuple(map(int, version.split(".")[:2])) >= (2, 19)


def end(playbook: Playbook, how: str) -> None:
    if how.startswith("ctrl-c"):
        playbook.press_ctrl_c()
        if how.endswith("twice"):
            time.sleep(0.1)  # An impatient person; the first must not have ended everything yet.
            playbook.press_ctrl_c()
    elif how == "all thrice":
        for _each in range(3):
            playbook.tell_everybody(signal.SIGTERM)
            time.sleep(0.1)  # While the first is being followed.
    else:
        playbook.process.send_signal(signal.Signals[how])


@pytest.mark.parametrize("how", ENDINGS)
@within(90)
async def test_ansible_playbook_is_told_to_end(
    server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str
) -> None:
    """Two are at work, one waits: the work is ended, and the one that waits does not begin."""
    told = how != "SIGTERM" or passes_signals_on(venv)
    async with scene(server, name, venv, tmp_path, limit=2) as stage:
        play = stage.play(None, seconds=30 if told else 4)
        with stage.run(play, "a", "b", "c", terminal=how.startswith("ctrl-c")) as playbook:
            await stage.at_work(playbook, 2)
            await stage.waiting(playbook)
            end(playbook, how)
            code = await stage.ends(playbook)
            await stage.nothing_is_left(playbook)
            # The second one may end ansible-playbook before it can tell that the first one did.
            codes = {"SIGTERM": [-15], "ctrl-c twice": [99, -2], "all thrice": [-15]}
            assert code in codes.get(how, [99]), playbook.output
            assert len(stage.records.started) == 2
            if told:
                assert all(end - start < 25 for start, end in stage.records.intervals)


@pytest.mark.parametrize("how", ENDINGS)
@within(90)
async def test_ansible_playbook_is_told_to_end_while_all_wait(
    server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str
) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None), "a", "b", terminal=how.startswith("ctrl-c")) as playbook:
            async with another_holds(stage):
                await stage.waiting(playbook, 2)
                end(playbook, how)
                await stage.ends(playbook)
                await until(lambda: not playbook.processes(), 5, "all stop waiting")
            await stage.nothing_is_left(playbook)
        assert not stage.records.started


@within(90)
async def test_all_are_told_to_end_while_the_answer_to_a_try_is_missing(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    """More than once: the entry that nobody has been told of is taken back all the same."""
    async with scene(server, name, venv, tmp_path) as stage, Proxy(server.port) as proxy:
        play = stage.play(None, governed={"servers": proxy.url, "request_timeout": "1s"})
        lost = proxy.catch(b'{"stream":"GOVERNOR_')
        with stage.run(play, "a") as playbook:
            await asyncio.wait_for(lost.reaches(1), SOON)
            for _each in range(3):
                playbook.tell_everybody(signal.SIGTERM)
                # It is asked for again.
                await asyncio.wait_for(lost.reaches(lost.count + 1), SOON)
            lost.stop()
            await stage.nothing_is_left(playbook, given_back_within=5)
            assert stage.watch.looks[-1].entered == 1
        assert not stage.records.started


@pytest.mark.parametrize("how", ["SIGINT", "all thrice", "timeout"])
@within(90)
async def test_work_runs_an_event_loop(server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        (tmp_path / "action_plugins").mkdir()
        (tmp_path / "action_plugins" / "loops.py").write_text(LOOPS)
        keywords = {"timeout": 3} if how == "timeout" else {}
        play = stage.play({"loops": {"command": stage.records.command(30)}}, **keywords)
        with stage.run(play, "a") as playbook:
            await stage.at_work(playbook)
            if how != "timeout":
                end(playbook, how)
            await stage.ends(playbook)
            await stage.nothing_is_left(playbook)
        assert all(end - start < 25 for start, end in stage.records.intervals), "nobody ended the work"


@within(90)
async def test_the_timeout_of_the_task_comes_at_work(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None, timeout=3), "a") as playbook:
            assert await stage.ends(playbook) == 2
            await stage.nothing_is_left(playbook)
            assert "Work under a slot" in playbook.output
        assert stage.records.started == ["a"]
        assert all(end - start < 5 for start, end in stage.records.intervals)


@within(90)
async def test_the_timeout_of_the_task_comes_in_the_wait(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None, timeout=3), "a") as playbook:
            async with another_holds(stage):
                await stage.waiting(playbook)
                assert await stage.ends(playbook) == 2
                assert "in the expected time frame" in playbook.output or "Timed out after 3" in playbook.output
            await stage.nothing_is_left(playbook)
        assert not stage.records.started


@pytest.mark.parametrize("how", ["SIGINT", "timeout"])
@within(90)
async def test_work_does_not_listen(server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str) -> None:
    """It is killed: nothing of it is at work any more when the slot is released."""
    async with scene(server, name, venv, tmp_path) as stage:
        task = {"ansible.builtin.command": {"argv": [sys.executable, "-c", DEAF, str(stage.records.path)]}}
        keywords = {"timeout": 3} if how == "timeout" else {}
        with stage.run(stage.play(task, **keywords), "a") as playbook:
            await stage.at_work(playbook)
            if how != "timeout":
                end(playbook, how)
            await stage.ends(playbook)
            await until(lambda: not playbook.processes(), SOON, "all processes end")
            await until(lambda: not stage.watch.held, 2, "the slot is released")
            # It wrote down when it was last there.
            assert stage.records.times("there")["deaf"] <= stage.watch.emptied()


@within(90)
async def test_work_fails(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        task = {"ansible.builtin.shell": f"{stage.records.command(0.2)}; exit 3"}
        with stage.run(stage.play(task), "a", "b") as playbook:
            assert await stage.ends(playbook) == 2
            await stage.nothing_is_left(playbook)
            assert playbook.output.count('"rc": 3') == 2
        assert len(stage.records.intervals) == 2


@within(90)
async def test_a_connection_breaks(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        (tmp_path / "action_plugins").mkdir()
        (tmp_path / "action_plugins" / "breaks.py").write_text(BREAKS)
        tasks = [{"ansible.builtin.command": stage.records.command(0.2)}, {"breaks": {}}]
        play = stage.play(None, governed={"tasks": tasks})
        del play[0]["tasks"][0]["jetstream.governor.governed"]["task"]
        with stage.run(play, "a", "b") as playbook:
            assert await stage.ends(playbook) == 4, playbook.output
            await stage.nothing_is_left(playbook)
            assert "the connection broke" in playbook.output
        assert len(stage.records.intervals) == 2


@within(90)
async def test_nobody_answers_at_the_host(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    with socket.socket() as closed:
        # Bound, but nobody listens.
        closed.bind(("127.0.0.1", 0))
        ssh = {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": closed.getsockname()[1],
            "ansible_ssh_control_path_dir": str(tmp_path),
        }
        async with scene(server, name, venv, tmp_path) as stage:
            with stage.run(stage.play({"ansible.builtin.command": "true"}, vars=ssh), "a") as playbook:
                assert await stage.ends(playbook) == 4, playbook.output
                await stage.nothing_is_left(playbook)
            # It was held too briefly to be sure to be seen.
            assert stage.watch.looks[-1].entered == 1


@within(90)
async def test_ansible_playbook_is_killed(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    """Who works goes on to its end; who waits stops within seconds, while there is nothing to be had yet."""
    async with scene(server, name, venv, tmp_path, limit=2) as stage:
        with stage.run(stage.play(None, seconds=6), "a", "b", "c", "d") as playbook:
            await stage.at_work(playbook, 2)
            before = len(playbook.processes())
            await stage.waiting(playbook, 2)
            playbook.process.kill()
            await until(lambda: len(playbook.processes()) <= before - 3, 4, "ansible-playbook and both that wait end")
            assert len(stage.records.at_work) == 2
            await until(lambda: len(stage.records.intervals) == 2, SOON, "the work ends")
            await stage.nothing_is_left(playbook)
        assert len(stage.records.started) == 2
        assert all(end - start > 5.9 for start, end in stage.records.intervals)


@pytest.mark.one_core
@within(90)
async def test_the_server_is_away_for_a_while(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    """It goes while the work is going on, and comes back when the slot should have been released already."""
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None, seconds=2), "a") as playbook:
            await stage.at_work(playbook)
            server.stop()
            await until(lambda: bool(stage.records.intervals), SOON, "the work ends")
            # For how long it is tried is shown by the unit tests.
            back = time.monotonic() + 4
            await until(lambda: time.monotonic() > back, 5, "it is tried in vain")
            server.start()
            assert await stage.ends(playbook) == 0, playbook.output
            assert "could not be released" not in playbook.output
            await stage.nothing_is_left(playbook, given_back_within=10)


@within(90)
async def test_the_timeout_of_the_task_comes_while_the_slot_is_given_back(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None, seconds=1, timeout=4), "a") as playbook:
            await stage.at_work(playbook)
            server.stop()
            await until(lambda: bool(stage.records.intervals), SOON, "the work ends")
            back = time.monotonic() + 4
            await until(lambda: time.monotonic() > back, 5, "the timeout is over")
            server.start()
            assert await stage.ends(playbook) == 2, playbook.output
            await stage.nothing_is_left(playbook, given_back_within=8)


@pytest.mark.one_core
@within(90)
async def test_the_server_is_away_for_good(server: NatsServer, name: str, tmp_path: Path, venv: Path) -> None:
    """Who is told to end while it tries to release its slot does not try for long any more."""
    async with scene(server, name, venv, tmp_path) as stage:
        with stage.run(stage.play(None, seconds=1), "a") as playbook:
            await stage.at_work(playbook)
            server.stop()
            await until(lambda: bool(stage.records.intervals), SOON, "the work ends")
            told = time.monotonic()
            for _each in range(3):
                playbook.tell_everybody(signal.SIGTERM)
            # The keeper tries for some seconds more when the worker has given up.
            await until(lambda: not playbook.processes(), 35, f"all processes end: {playbook.processes()}")
            assert time.monotonic() - told > 10, "it was hardly tried"
            server.start()
            await until(lambda: stage.watch.looks[-1].asked > stage.records.intervals[0].end, SOON, "the server tells")
            assert stage.watch.held == 1
