# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The credential type: AWX accepts it, and what it injects is what the collection takes."""

from __future__ import annotations

import copy
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nats.aio.client import RawCredentials

from ansible_collections.jetstream.governor.plugins.module_utils._settings import ENVIRONMENT, Settings, resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.awx.injection import inject
from ansible_collections.jetstream.governor.tests.awx.jobs import CREDENTIAL_TYPE, Job, closing
from ansible_collections.jetstream.governor.tests.awx.rules import complaints
from ansible_collections.jetstream.governor.tests.support.client import connected, until, within
from ansible_collections.jetstream.governor.tests.support.keys import Authority, Key, Operator, seed
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

URL = "nats://nats.example.org:4222"
CREDS = """
-----BEGIN NATS USER JWT-----
{}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{}
------END USER NKEY SEED------
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - jetstream.governor.governor_info:
        name: {name}
      register: found
    - ansible.builtin.debug:
        msg: "limit {{{{ found.governors[0].limit }}}} at {{{{ found.server }}}}"
"""


def context(authority: Authority, certificate: str, key: str) -> ssl.SSLContext:
    """What a client of the test itself needs to connect with that certificate."""
    made = ssl.create_default_context(cafile=str(authority.path))
    made.load_cert_chain(certificate, key)
    return made


def test_awx_accepts_it() -> None:
    assert complaints(CREDENTIAL_TYPE) == []


def test_it_injects_every_variable_that_a_login_or_a_server_may_be_in() -> None:
    """Not contexts, of which there are none in the container of a job, nor a timeout."""
    ours = set(CREDENTIAL_TYPE["injectors"]["env"])
    assert {"NATS_URL", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN", "NATS_CREDS", "NATS_NKEY"} < ours
    assert {"NATS_CA", "NATS_CERT", "NATS_KEY"} < ours
    assert ours < set(ENVIRONMENT.values())


def test_what_is_secret_is_marked_as_secret() -> None:
    secret = {field["id"] for field in CREDENTIAL_TYPE["inputs"]["fields"] if field.get("secret")}
    assert secret == {"password", "token", "creds", "nkey", "key"}


def broken(*path: Any, to: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(CREDENTIAL_TYPE)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = to
    found: dict[str, Any] = changed
    return found


@pytest.mark.parametrize(
    ("credential_type", "says"),
    [
        (broken("kind", to="ssh"), "ssh is no kind"),
        (broken("inputs", "fields", 0, "id", to="server-url"), "does not match"),
        (broken("inputs", "fields", 0, "default", to=7), "default of url"),
        (broken("inputs", "fields", 1, "id", to="url"), "unique"),
        (broken("inputs", "fields", 2, "type", to="boolean"), "password is boolean"),
        (broken("inputs", "fields", 0, "hint", to="x"), "'hint' was unexpected"),
        (broken("inputs", "required", to=["server"]), "server is required"),
        (broken("injectors", "env", "ANSIBLE_FORKS", to="5"), "ANSIBLE_FORKS is not allowed"),
        (broken("injectors", "env", "JOB_ID", to="5"), "JOB_ID is not allowed"),
        (broken("injectors", "env", "NATS_URL", to="{{ server }}"), "'server' is undefined"),
        (broken("injectors", "env", "NATS_CA", to="{{ tower.filename.cas }}"), "no attribute 'cas'"),
        (broken("injectors", "file", "template", to="{{ ca }}"), "a name each"),
        (broken("injectors", "file", "ca", to="{{ ca }}"), "does not match any of the regexes"),
    ],
)
def test_the_rules_find_what_awx_would_refuse(credential_type: dict[str, Any], says: str) -> None:
    assert says in " ".join(complaints(credential_type))


def test_what_is_left_empty_counts_as_not_given(tmp_path: Path) -> None:
    environment = inject(CREDENTIAL_TYPE, {"url": URL, "user": "", "ca": ""}, tmp_path)
    assert set(environment) == set(CREDENTIAL_TYPE["injectors"]["env"])
    assert Path(environment["NATS_CREDS"]).read_text() == ""
    assert resolve({}, environment) == Settings(servers=(URL,))


def test_each_input_arrives(tmp_path: Path) -> None:
    pem = {"ca": "the authorities\n", "cert": "the certificate\n", "key": "the key\n"}
    given = {"url": f"{URL},nats://other:4222", "user": "ansible", "password": 'a "b" {{ c }}', **pem}
    settings = resolve({}, inject(CREDENTIAL_TYPE, given, tmp_path))
    assert settings.servers == (URL, "nats://other:4222")
    assert (settings.user, settings.password) == ("ansible", 'a "b" {{ c }}')
    paths = (settings.tls_ca, settings.tls_cert, settings.tls_key)
    assert [Path(str(path)).read_text() for path in paths] == list(pem.values())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_seed_and_a_token_arrive(tmp_path: Path) -> None:
    for name in ("nkey", "token"):
        (tmp_path / name).mkdir()
    user = seed()
    assert resolve({}, inject(CREDENTIAL_TYPE, {"url": URL, "nkey": user}, tmp_path / "nkey")).nkey_seed == user
    assert resolve({}, inject(CREDENTIAL_TYPE, {"url": URL, "token": "t0ken"}, tmp_path / "token")).token == "t0ken"


class Way(NamedTuple):
    """What the server is configured with, what is put into the credential, and what the test itself logs in with."""

    config: str
    given: dict[str, str]
    options: dict[str, Any]


def ways(folder: Path) -> dict[str, Way]:
    user, key, operator = {"user": "ansible", "password": "s3cret"}, Key(), Operator()
    creds = CREDS.format(*operator.user("ansible"))
    authority = Authority(folder)
    certificate, its_key = authority.issue("both", ("127.0.0.1",))
    tls = f'cert_file: "{certificate}", key_file: "{its_key}", ca_file: "{authority.path}", verify: true'
    pem = {"ca": str(authority.path), "cert": certificate, "key": its_key}
    return {
        "password": Way("authorization: {user: ansible, password: s3cret}", user, user),
        "token": Way("authorization: {token: t0ken}", {"token": "t0ken"}, {"token": "t0ken"}),
        "creds": Way(operator.config, {"creds": creds}, {"user_credentials": RawCredentials(creds)}),
        "nkey": Way(
            f"authorization: {{users: [{{nkey: {key.public}}}]}}", {"nkey": key.seed}, {"nkeys_seed_str": key.seed}
        ),
        "certificates": Way(
            f"tls {{{tls}}}",
            {name: Path(path).read_text(encoding="ascii") for name, path in pem.items()},
            {"tls": context(authority, certificate, its_key)},
        ),
    }


@pytest.mark.parametrize("way", ["password", "token", "creds", "nkey", "certificates"])
@within(90)
async def test_a_job_logs_in(tmp_path: Path, name: str, way: str) -> None:
    """On a real server that lets nobody else in, in a job of ansible-runner with nothing but what is injected."""
    config, given, options = ways(tmp_path)[way]
    with NatsServer(tmp_path / "server", config) as server:
        async with connected(server.url, **options) as nc:
            await Manager.create(name, nc, limit=3, max_age=60)
        project = tmp_path / "project"
        project.mkdir()
        (project / "look.yml").write_text(PLAY.format(name=name))
        job = Job(tmp_path / "job", project).log_in({"url": server.url, **given})
        with closing(job.start("look.yml")):
            await until(lambda: job.ended, 60, "the job ends")
        assert job.status == "successful", job.events()
        assert "limit 3 at" in job.events()
        assert not any(secret in job.events() for name, secret in given.items() if name not in ("user", "ca", "cert"))
