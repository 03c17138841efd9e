# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the work of a module is run: what it needs, and how each way to end is told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn, cast

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.jetstream.governor.plugins.module_utils import _runner as runner
from ansible_collections.jetstream.governor.plugins.module_utils._settings import Settings
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, WaitTimeout
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream


class Ended(Exception):
    """Raised where a module would end its process."""

    def __init__(self, failed: bool, result: dict[str, Any]) -> None:
        super().__init__(str(result))
        self.failed = failed
        self.result = result


class FakeModule:
    def __init__(self, **params: Any) -> None:
        self.params = params
        self.no_log_values: set[str] = set()

    def fail_json(self, **result: Any) -> NoReturn:
        raise Ended(True, result)

    def exit_json(self, **result: Any) -> NoReturn:
        raise Ended(False, result)


def ending(work: runner.Work, module: FakeModule) -> Ended:
    with pytest.raises(Ended) as caught:
        runner.run(cast(AnsibleModule, module), work)
    return caught.value


def failure(work: runner.Work, **params: Any) -> dict[str, Any]:
    end = ending(work, FakeModule(**params))
    assert end.failed
    return end.result


async def never(_js: JetStream) -> dict[str, Any]:
    pytest.fail("the work must not begin")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NATS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Connect to nothing, and return the list of the settings that this was done with."""
    made: list[Settings] = []

    @asynccontextmanager
    async def connected(settings: Settings) -> AsyncIterator[Any]:
        made.append(settings)
        yield None

    monkeypatch.setattr(runner, "connected", connected)
    return made


def test_the_result_of_the_work(connections: list[Settings]) -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        return {"changed": True, "governor": None}

    end = ending(work, FakeModule(servers=["nats://h"], connect_timeout="2s"))
    assert (end.failed, end.result) == (False, {"changed": True, "governor": None})
    assert connections == [Settings(servers=("nats://h",), connect_timeout=2.0)]


def test_the_environment_is_a_source(connections: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        return {}

    monkeypatch.setenv("NATS_URL", "nats://e")
    ending(work, FakeModule())
    assert connections[0].servers == ("nats://e",)


def test_an_error_is_told_with_its_facts(connections: list[Settings]) -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        raise WaitTimeout("Timed out.", attempts=3, holders=[])

    assert failure(work) == {"msg": "Timed out.", "attempts": 3, "holders": []}
    assert len(connections) == 1


@pytest.mark.usefixtures("connections")
def test_no_login_of_a_url_is_in_an_error() -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        raise GovernorError("no JetStream answers at nats://u:secret@h:4222")

    assert failure(work)["msg"] == "no JetStream answers at nats://***@h:4222"


@pytest.mark.usefixtures("connections")
def test_what_is_no_error_of_ours_is_not_hidden() -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        runner.run(cast(AnsibleModule, FakeModule()), work)


@pytest.mark.usefixtures("connections")
def test_secrets_of_every_source_are_known_to_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_js: JetStream) -> dict[str, Any]:
        return {}

    monkeypatch.setenv("NATS_URL", "nats://h")
    monkeypatch.setenv("NATS_PASSWORD", "in-environment")
    module = FakeModule(servers=["nats://u:in-url@h"], user="u")
    ending(work, module)
    assert module.no_log_values == {"in-url", "in-environment"}


def test_a_wrong_option_ends_before_there_is_a_connection(connections: list[Settings]) -> None:
    assert failure(never, connect_timeout="0") == {"msg": "connect_timeout must be longer than 0 s."}
    assert connections == []


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_the_work_take_back_what_it_has_begun(number: signal.Signals) -> None:
    taken_back: list[bool] = []

    async def work(_js: JetStream) -> dict[str, Any]:
        os.kill(os.getpid(), number)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        except asyncio.CancelledError:
            # It may take its time, also when somebody is impatient.
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
            taken_back.append(True)
            raise
        pytest.fail("the signal did not come")

    assert failure(work) == {"msg": "Interrupted; what was not finished has been taken back."}
    assert taken_back == [True]


def test_without_nats_py(monkeypatch: pytest.MonkeyPatch, connections: list[Settings]) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    result = failure(never)
    assert result["msg"].startswith("A connection to NATS needs the Python package nats-py ")
    assert result["msg"].endswith(
        ": install it there, or run the task where it is, on the controller (delegate_to: localhost), if need be with "
        'ansible_python_interpreter: "{{ ansible_playbook_python }}".'
    )
    assert list(result) == ["msg"]
    assert connections == []


@pytest.mark.usefixtures("connections")
def test_the_work_is_not_done_for_a_process_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_LOOK_EVERY", 0.01)
    begun: list[bool] = []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:

        async def work(_js: JetStream) -> dict[str, Any]:
            begun.append(True)
            await asyncio.sleep(0.1)
            process.kill()
            process.wait()
            await asyncio.wait_for(asyncio.Event().wait(), 20)
            pytest.fail("nobody has noticed")

        with pytest.raises(Ended) as caught:
            runner.run(cast(AnsibleModule, FakeModule()), work, process.pid)
    assert begun
    assert "Interrupted" in caught.value.result["msg"]


@pytest.mark.usefixtures("connections")
def test_the_work_is_done_for_a_process_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_LOOK_EVERY", 0.01)

    async def work(_js: JetStream) -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return {"changed": True}

    with pytest.raises(Ended) as caught:
        runner.run(cast(AnsibleModule, FakeModule()), work, os.getpid())
    assert caught.value.result == {"changed": True}
