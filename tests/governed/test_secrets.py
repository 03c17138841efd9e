# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""No password, token, seed or key is shown: not on the screen at -vvv, nor to who lists processes, nor in what is left.

Each host signs in in a way of its own, rightly or wrongly, through every face.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._connection_options import CONNECTION_OPTIONS
from ansible_collections.jetstream.governor.plugins.module_utils._logins import credentials
from ansible_collections.jetstream.governor.tests.support.gates import PASSWORD, TOKEN, Gates, gates
from ansible_collections.jetstream.governor.tests.support.logins import data, options_of
from ansible_collections.jetstream.governor.tests.support.playbook import running, venvs

CORES = venvs()
BOUND = 240.0
WRONG = "gnorw-fo-ydobon"
SHOWN = (
    "password",
    "password-in-url",
    "password-of-data",
    "token",
    "token-as-user",
    "token-in-url",
    "creds",
    "creds-of-data",
    "jwt",
    "bearer",
    "nkey",
)
"""Of all logins those in whose options something secret stands, or may."""

pytestmark = pytest.mark.parametrize("venv", CORES, ids=[each.name for each in CORES])


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gates]:
    with gates(tmp_path_factory.mktemp("gates")) as opened:
        yield opened


def context(folder: Path, name: str, **fields: Any) -> dict[str, str]:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(fields))
    return {"context": str(path)}


def right_ways(at: Gates, folder: Path) -> dict[str, dict[str, Any]]:
    pair = credentials(at.jwt, at.seed)
    return {
        **{name: options_of(name, at) for name in SHOWN},
        "creds-embedded": context(folder, "embedded", url=at.url("jwt"), creds=data(pair)),
        "context": context(folder, "context", url=at.url("user"), user="ada", password=PASSWORD),
        "tls": {"servers": at.url("tls", "tls"), "tls_ca": at.ca, "user": "ada", "password": PASSWORD},
    }


def wrong_ways(at: Gates, folder: Path) -> dict[str, dict[str, Any]]:
    user, token, jwt, nkey = ({"servers": at.url(name)} for name in ("user", "token", "jwt", "nkey"))
    mistyped, key = at.seed[:-3] + "222", Path(at.key).read_text()
    return {
        "no-password": {**user, "user": "ada", "password": WRONG},
        "no-password-in-url": {"servers": at.url("user").replace("//", f"//ada:{WRONG}@")},
        "no-url": {"servers": f"nats://ada:{WRONG}@127.0.0.1:port"},
        "no-token": {**token, "token": WRONG},
        "no-token-as-user": {**token, "user": WRONG},
        "creds-pasted": {**jwt, "creds": credentials(at.jwt, at.seed)},
        "creds-mistyped": {**jwt, "creds": data(credentials(at.jwt, mistyped))},
        "creds-broken": context(folder, "broken", url=at.url("jwt"), creds=data(credentials(at.jwt, mistyped))),
        "seed-pasted": {**jwt, "creds": at.seed},
        "jwt-mistyped": {**jwt, "user_jwt": f"{at.jwt[:-1]}*", "user_seed": at.seed},
        "nkey-mistyped": {**nkey, "nkey_seed": mistyped},
        "key-pasted": {**user, "tls_cert": at.certificate, "tls_key": key},
        "context-pasted": {"context": json.dumps({"url": at.url("user"), "user": "ada", "password": WRONG})},
        "no-tls": {"servers": at.url("user", "tls"), "user": "ada", "password": PASSWORD},
        "wrong-duration": {"servers": at.url("user").replace("//", f"//ada:{WRONG}@"), "connect_timeout": "soon"},
    }


def planted(at: Gates) -> dict[str, str]:
    pair, mistyped = credentials(at.jwt, at.seed), at.seed[:-3] + "222"
    return {
        "the password": PASSWORD,
        "the token": TOKEN,
        "the wrong one": WRONG,
        "the JWT": at.jwt[:-1],
        "the JWT of the bearer": at.bearer,
        "the seed": at.seed[:-3],
        "the nkey": at.nkey.seed,
        "the key": Path(at.key).read_text().splitlines()[1],
        "the credentials": data(pair)[13:],
        "the mistyped ones": data(credentials(at.jwt, mistyped))[13:],
        "the encoded password": data(PASSWORD),
    }


def play() -> list[dict[str, Any]]:
    """Every module, and a slot that is left to the callback; for those who are wrong, two of the modules."""
    options = {option: f"{{{{ ways[inventory_hostname].{option} | default(omit) }}}}" for option in CONNECTION_OPTIONS}
    governor = "{{ inventory_hostname }}"
    slot = {"governor": governor, "wait_timeout": "10s", **options}
    right = {"when": "inventory_hostname in right"}
    tasks: list[dict[str, Any]] = [
        {"jetstream.governor.governor_stream": {"name": governor, "limit": 99, "max_age": "10m", **options}, **right},
        # A host that holds a slot is refused a second one.
        {"jetstream.governor.governed": {**slot, "task": {"ansible.builtin.command": "echo worked"}}},
        {"jetstream.governor.governor_slot": {**slot, "holder": "left"}, **right},
        {"jetstream.governor.governor_info": {"name": governor, **options}},
        {"ansible.builtin.debug": {"msg": "the last task of {{ inventory_hostname }}"}},
    ]
    for number, task in enumerate(tasks):
        task.update({"name": f"Task {number}", "ignore_errors": True})
    return [{"name": "All", "hosts": "all", "gather_facts": False, "tasks": tasks}]


def other_faces(folder: Path) -> list[dict[str, Any]]:
    """The roles that connect, and playbooks of the collection."""
    file = folder / "under_slot.yml"
    file.write_text(
        json.dumps([{"name": "Work", "ansible.builtin.command": "echo under-the-slot", "changed_when": True}])
    )
    roles: dict[str, dict[str, Any]] = {
        "governors": {"governors_list": [{"name": "of-the-role", "limit": 3}]},
        "under_slot": {"under_slot_governor": "of-the-role", "under_slot_tasks": str(file)},
    }
    tasks = [
        {"name": name, "ansible.builtin.include_role": {"name": f"jetstream.governor.{name}"}, "vars": given}
        for name, given in roles.items()
    ]
    called = {"governor": "of-the-role", "command": "echo by-the-playbook"}
    return [
        {"name": "Roles", "hosts": "all", "gather_facts": False, "tasks": tasks},
        *(
            {"name": name, "ansible.builtin.import_playbook": f"jetstream.governor.{name}", "vars": called}
            for name in ("list", "view", "run")
        ),
    ]


def every_title() -> set[str]:
    """Return what anybody on this machine can read of its processes, the keeper of the slots among them."""
    titles = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            titles.add(Path(f"/proc/{pid}/cmdline").read_bytes().replace(bytes(1), b" ").decode(errors="replace"))
    return titles


class Sweep:
    """What a run has shown, and where."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._secrets = secrets
        self._places: dict[str, str] = {}

    @property
    def output(self) -> str:
        return self._places["the screen"]

    def run(self, venv: Path, plays: list[dict[str, Any]], hosts: list[str], folder: Path, **options: Any) -> None:
        environment = {
            "ANSIBLE_CALLBACKS_ENABLED": "jetstream.governor.slots",
            # From ansible-core 2.19 on, the arguments of modules are told only so.
            "ANSIBLE_INJECT_INVOCATION": "1",
            "XDG_CONFIG_HOME": str(folder),
            **options.pop("environment", {}),
        }
        options["words"] = ["-vvv", *options.get("words", [])]
        titles: set[str] = set()
        work, deadline = folder / "work", time.monotonic() + BOUND
        # A socket's path must be short.
        with tempfile.TemporaryDirectory(prefix="sweep") as temporary:
            environment["TMPDIR"] = temporary
            with running(venv, plays, hosts, work, environment=environment, **options) as playbook:
                while not playbook.ended:
                    titles.update(every_title())
                    assert time.monotonic() < deadline, playbook.output
                    time.sleep(0.05)
                self._places = {"the screen": playbook.output, "a process's title": "\n".join(titles)}
            for place in (work, Path(temporary)):
                self._add_files(place)

    def held(self) -> list[str]:
        """Return the hosts of which the callback tells that they held a slot to the end."""
        return sorted(re.findall(r"^\S+ +(\S+) \(left\) .*held to the end$", self.output, re.MULTILINE))

    def found(self) -> list[str]:
        """Return what was shown, and where, with the beginning of the line."""
        return [
            f"{what} in {place}: {line[:400]}"
            for what, secret in self._secrets.items()
            for place, text in self._places.items()
            for line in text.splitlines()
            if secret in line
        ]

    def _add_files(self, place: Path) -> None:
        for parent, _folders, names in os.walk(place):
            for path in (Path(parent) / name for name in names):
                if path.is_file():
                    self._places[str(path)] = path.read_text(errors="replace")


def test_nothing_that_is_secret_is_shown(at: Gates, venv: Path, tmp_path: Path) -> None:
    right = right_ways(at, tmp_path)
    ways = {**right, **wrong_ways(at, tmp_path)}
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"ways": ways, "right": list(right)}))
    sweep = Sweep(planted(at))
    sweep.run(venv, play(), list(ways), tmp_path, words=["-e", f"@{secrets}"])
    assert sweep.found() == []
    # It was told much, everybody has come to the end, and those who are right were let in.
    assert "module_args" in sweep.output
    assert [host for host in ways if f"the last task of {host}" not in sweep.output] == []
    assert sweep.held() == sorted(right), sweep.output
    assert sweep.output.count('"stdout": "worked"') == len(right), sweep.output


def test_nor_what_the_environment_holds(at: Gates, venv: Path, tmp_path: Path) -> None:
    """Here for all of ansible-playbook: what a task sets by ``environment``, Ansible itself shows as it runs it."""
    empty = tmp_path / "secrets.json"
    empty.write_text(json.dumps({"ways": {"env": {}}, "right": ["env"]}))
    sweep = Sweep(planted(at))
    login = at.url("user").replace("//", f"//ada:{PASSWORD}@")
    environment = {"NATS_URL": login, "NATS_USER": "ada", "NATS_PASSWORD": PASSWORD}
    plays = [*play(), *other_faces(tmp_path)]
    sweep.run(venv, plays, ["env"], tmp_path, words=["-e", f"@{empty}"], environment=environment)
    assert sweep.found() == []
    assert sweep.held() == ["env"], sweep.output
    assert re.search(r"under-the-slot.*by-the-playbook", sweep.output, re.DOTALL), sweep.output
