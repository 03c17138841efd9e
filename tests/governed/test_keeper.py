# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever dies frees the slot, and whoever lives keeps it: what the keeper of a run does, and without it the lease.

The time until the next one in the queue works is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.leases import shorten_leases
from ansible_collections.jetstream.governor.tests.support.playbook import Playbook, venvs
from ansible_collections.jetstream.governor.tests.support.scene import SOON, Scene, scene
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

CORES = venvs()

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])

LEASE = 3.0
"""Seconds. A dead holder is watched for a third of it and ten more seconds."""
OBSERVATION = LEASE / 3 + 10

NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

# Work that has forked a child which keeps all of its descriptors.
FORKS = """
import os, time

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        if os.fork() == 0:
            os.setsid()
            time.sleep(float(self._task.args["seconds"]))
            os._exit(0)
        time.sleep(60)
        return {}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "server") as running:
        yield running


@asynccontextmanager
async def short_leases(server: NatsServer, name: str, venv: Path, folder: Path) -> AsyncIterator[Scene]:
    """A scene with one slot, where leases are short: the stream that is there keeps its max_age."""
    async with connected(server.url) as nc:
        await shorten_leases(nc, LEASE)
    async with scene(server, name, venv, folder) as stage:
        yield stage


def kill(playbook: Playbook, how: str) -> None:
    """Kill what ``how`` names, in an order in which nobody notices the death of another one before its own."""
    itself, workers = playbook.process.pid, playbook.workers()
    victims = {
        "worker": workers,
        "ansible-playbook": [itself],
        "ansible-playbook and its workers": [itself, *workers],
        "keeper and all": [*playbook.keepers(), itself, *workers],
        # The kernel ends all others.
        "namespace": [itself],
    }
    for pid in victims[how]:
        os.kill(pid, signal.SIGKILL)


async def next_works(stage: Scene, playbook: Playbook, bound: float, how: str) -> None:
    """Wait until the next one in the queue works."""
    began = time.monotonic()
    await until(lambda: "next" in stage.records.started, bound, f"the next one works; {playbook.output}")
    took = stage.records.times("start")["next"] - began
    print(f"killed: {how}; the next one worked after {took:.2f} s")


def allows_namespaces() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, timeout=30).returncode == 0


@pytest.mark.parametrize(
    ("how", "seconds", "bound"),
    [
        # A busy machine takes several times as long as this one should; the lease alone would take 14 s at the least.
        ("worker", 60, 8),
        ("ansible-playbook", 3, 8),
        ("ansible-playbook and its workers", 60, 8),
        pytest.param("keeper and all", 60, LEASE + OBSERVATION + 20, marks=pytest.mark.one_core),
        pytest.param("namespace", 60, LEASE + OBSERVATION + 20, marks=pytest.mark.one_core),
    ],
)
@within(120)
async def test_killed(
    server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str, seconds: float, bound: float
) -> None:
    if how == "namespace" and not allows_namespaces():
        pytest.skip("this machine gives no PID namespace of its own (unshare)")
    under = NAMESPACE if how == "namespace" else []
    async with short_leases(server, name, venv, tmp_path) as stage, contextlib.AsyncExitStack() as stack:
        playbook = stack.enter_context(stage.run(stage.play(None, seconds=seconds), "first", under=under))
        await stage.at_work(playbook)
        following = stack.enter_context(stage.run(stage.play(None, seconds=0.1), "next"))
        await stage.waiting(following)
        kill(playbook, how)
        await next_works(stage, following, bound, how)
        assert await stage.ends(following) == 0, following.output
        await stage.ends(playbook)
        if "keeper" not in how and how != "namespace":
            # The end of the first one's work is a part of this: the next one did not begin before.
            await stage.nothing_is_left(playbook, given_back_within=SOON)


@within(60)
async def test_a_forked_child_of_the_work_does_not_keep_the_slot_of_a_dead_worker(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        (tmp_path / "action_plugins").mkdir()
        (tmp_path / "action_plugins" / "forks.py").write_text(FORKS)
        with stage.run(stage.play({"forks": {"seconds": 20}}), "a") as playbook:
            await until(lambda: stage.watch.held == 1 and bool(playbook.workers()), SOON, "it works and has forked")
            kill(playbook, "worker")
            await until(lambda: not stage.watch.held, 4, "the slot is given back")
            await stage.ends(playbook)


@pytest.mark.one_core
@within(60)
async def test_a_job_that_takes_longer_than_the_lease_keeps_its_slot(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with short_leases(server, name, venv, tmp_path) as stage:
        play = stage.play(None, seconds=3 * LEASE + OBSERVATION)
        with stage.run(play, "first", environment={"ANSIBLE_VERBOSITY": "1"}) as playbook:
            await stage.at_work(playbook)
            with stage.run(stage.play(None, seconds=0.1), "next") as following:
                assert await stage.ends(playbook, within=40) == 0, playbook.output
                assert '"lost": false' in playbook.output
                assert f'"lease": {LEASE}' in playbook.output
                assert await stage.ends(following) == 0, following.output
                await stage.nothing_is_left(following)
        times = stage.records
        assert times.times("end")["first"] < times.times("start")["next"]


def leaves_slots(stage: Scene, seconds: float, **more: Any) -> list[dict[str, Any]]:
    """A play that takes slots in several ways, and releases none."""
    options = {"governor": stage.name, "servers": stage.server.url, "guard": "off"}
    task = "jetstream.governor.governor_slot"
    tasks = [
        {"name": "Acquire", task: {**options, **more}},
        {"name": "Acquire in secret", task: {**options, "holder": "hidden", **more}, "no_log": True},
        {"name": "Acquire in the background", task: {**options, "holder": "job", **more}, "async": 30, "poll": 1},
        {
            "name": "Keep one on purpose",
            "jetstream.governor.governed": {
                "governor": stage.name,
                "servers": stage.server.url,
                "release": "never",
                "holder": "kept",
                "run_id": "workflow",
                "task": {"ansible.builtin.ping": {}},
            },
        },
        {"name": "Work", "ansible.builtin.command": stage.records.command(seconds)},
    ]
    return [{"name": "Work", "hosts": "all", "gather_facts": False, "tasks": tasks}]


async def holders(stage: Scene) -> list[str]:
    async with connected(stage.server.url) as nc:
        return sorted(entry.holder for entry in await (await Manager.load(stage.name, nc)).entries())


@pytest.mark.parametrize("how", ["end", "ctrl-c", "SIGTERM", "SIGKILL"])
@within(180)
async def test_what_governor_slot_has_left_is_given_back(
    server: NatsServer, name: str, tmp_path: Path, venv: Path, how: str
) -> None:
    async with scene(server, name, venv, tmp_path, limit=9) as stage:
        play = leaves_slots(stage, seconds=0.1 if how == "end" else 60)
        with stage.run(play, "a", terminal=how == "ctrl-c") as playbook:
            if how != "end":
                # It has five tasks.
                await until(lambda: bool(stage.records.at_work), 3 * SOON, "all tasks before the work are done")
                assert await holders(stage) == ["a", "hidden", "job", "kept"]
                if how == "ctrl-c":
                    playbook.press_ctrl_c()
                else:
                    playbook.process.send_signal(signal.Signals[how])
            await stage.ends(playbook, within=3 * SOON)
            ended = time.monotonic()
            await until(lambda: stage.watch.held == 1, 5, f"they are given back; {playbook.output}")
            print(f"{how}: given back after {time.monotonic() - ended:.2f} s")
            assert await holders(stage) == ["kept"]
            await until(lambda: not playbook.keepers(), 5, "the keeper ends")


@pytest.mark.one_core
@within(120)
async def test_a_server_that_is_away_does_not_hold_up_the_end(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path, limit=9) as stage:
        with stage.run(leaves_slots(stage, seconds=2), "a") as playbook:
            await until(lambda: bool(stage.records.at_work), 3 * SOON, "all tasks before the work are done")
            server.stop()
            assert await stage.ends(playbook) == 0, playbook.output
            began = time.monotonic()
            # A test run of this repository calls what takes longer than 10 s a leak.
            await until(lambda: not playbook.processes(), 9, "the keeper ends")
            print(f"the keeper gave up after {time.monotonic() - began:.1f} s")
            server.start()
            back = time.monotonic()
            await until(lambda: stage.watch.looks[-1].asked > back, SOON, "the server tells")


@pytest.mark.one_core
@within(60)
async def test_the_slot_of_a_given_run_id_outlives_its_run(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with short_leases(server, name, venv, tmp_path) as stage:
        options = {"governor": name, "servers": server.url, "run_id": "workflow"}
        task = {"name": "Acquire", "jetstream.governor.governor_slot": options}
        play = [{"name": "Take one", "hosts": "all", "gather_facts": False, "tasks": [task]}]
        with stage.run(play, "a", environment={"ANSIBLE_VERBOSITY": "1"}) as playbook:
            assert await stage.ends(playbook) == 0, playbook.output
            assert '"lease": null' in playbook.output
            await until(lambda: not playbook.processes(), 5, "all processes end")
        assert await holders(stage) == ["a"]


@pytest.mark.one_core
@within(60)
async def test_a_slot_of_governor_slot_is_renewed_between_its_tasks(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with short_leases(server, name, venv, tmp_path) as stage:
        options = {"governor": name, "servers": server.url}
        tasks = [
            {"name": "Acquire", "jetstream.governor.governor_slot": options},
            {"name": "Work", "ansible.builtin.command": stage.records.command(2 * LEASE + OBSERVATION)},
            {"name": "Release", "jetstream.governor.governor_slot": {**options, "state": "released"}},
        ]
        play = [{"name": "Work", "hosts": "all", "gather_facts": False, "tasks": tasks}]
        with stage.run(play, "first", environment={"ANSIBLE_VERBOSITY": "1"}) as playbook:
            await stage.at_work(playbook)
            with stage.run(stage.play(None, seconds=0.1), "next") as following:
                assert await stage.ends(playbook, within=40) == 0, playbook.output
                assert f'"lease": {LEASE}' in playbook.output
                assert "for_the_keeper" not in playbook.output
                assert await stage.ends(following) == 0, following.output
        assert stage.records.times("end")["first"] < stage.records.times("start")["next"]


@pytest.mark.parametrize("on_lost", ["stop", "fail"])
@within(60)
async def test_the_slot_is_lost(server: NatsServer, name: str, tmp_path: Path, venv: Path, on_lost: str) -> None:
    async with short_leases(server, name, venv, tmp_path) as stage:
        seconds = 60 if on_lost == "stop" else 4
        play = stage.play(None, seconds=seconds, governed={"on_lost": on_lost}, register="done", ignore_errors=True)
        says = {"ansible.builtin.debug": {"msg": "{{ done.slot.lost }}, {{ done.slot.seq > 0 }}, {{ done.failed }}"}}
        play[0]["tasks"].append({"name": "Tell", **says})
        with stage.run(play, "a") as playbook:
            await stage.at_work(playbook)
            async with connected(server.url) as nc:
                await (await Manager.load(name, nc)).reset()
            evicted = time.monotonic()
            assert await stage.ends(playbook) == 0, playbook.output
            assert "True, True, True" in playbook.output
            # On a machine that is too busy to renew it in time, that is told first.
            why = r"\((it was evicted|no server has taken a sign of life)"
            assert re.search(f"The slot of a in governor '{name}' was lost while it worked {why}", playbook.output)
            if on_lost == "stop":
                took = stage.records.times("end")["a"] - evicted
                print(f"the work was ended {took:.2f} s after the eviction")
                assert took < LEASE
            await until(lambda: not playbook.processes(), 5, "all processes end")


@pytest.mark.one_core
@within(60)
async def test_a_slot_that_nobody_ever_releases_needs_a_max_age(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    async with scene(server, name, venv, tmp_path) as stage:
        async with connected(server.url) as nc:
            await Manager.create(f"{name}-2", nc, limit=1, max_age=0)
        play = stage.play(None, seconds=0.1, governed={"governor": f"{name}-2", "release": "never"})
        with stage.run(play, "a") as playbook:
            assert await stage.ends(playbook) == 2, playbook.output
            assert "has no max_age, and release: never leaves the slot to max_age" in " ".join(playbook.output.split())
        assert not stage.records.started


@pytest.mark.one_core
@within(60)
async def test_the_keeper_is_small_and_shows_no_secret(
    server: NatsServer, name: str, tmp_path: Path, venv: Path
) -> None:
    server.stop()
    server.config = 'authorization { user: somebody, password: "not-to-be-seen" }'
    server.start()
    url = server.url.replace("//", "//somebody:not-to-be-seen@")
    async with connected(url) as nc:
        await Manager.create(name, nc, limit=1, max_age=600)
    stage = Scene(server, name, venv, tmp_path, watch=None)  # type: ignore[arg-type]  # it would have to log in too
    login = {"user": "somebody", "password": "not-to-be-seen"}
    with stage.run(stage.play(None, seconds=5, governed=login), "a") as playbook:
        await stage.at_work(playbook)
        await asyncio.sleep(1)
        (keeper,) = playbook.keepers()
        process = Path(f"/proc/{keeper}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        files = [each.read_bytes() for each in (tmp_path / "tmp").rglob("*") if each.is_file()]
        assert b"not-to-be-seen" not in b"".join([shown, *files])
        names = {each.partition(b"=")[0] for each in (process / "environ").read_bytes().split(b"\0") if each}
        assert names <= {b"HOME", b"LANG", b"PATH", b"PYTHONPATH", b"TMPDIR", b"SSL_CERT_DIR", b"SSL_CERT_FILE"}
        memory = (process / "smaps_rollup").read_text()
        pss = int(memory.partition("Pss:")[2].split()[0]) / 1024
        ticks = [int(each) for each in (process / "stat").read_text().rpartition(")")[2].split()[11:13]]
        print(f"the keeper has {pss:.1f} MB (PSS), and took {sum(ticks) / os.sysconf('SC_CLK_TCK'):.2f} s of a core")
        assert pss < 30
        assert await stage.ends(playbook) == 0, playbook.output
        await until(lambda: not playbook.processes(), 5, "all processes end")
