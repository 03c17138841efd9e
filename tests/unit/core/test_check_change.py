# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a manager refuses because this server would do it wrong in silence."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused, InUse
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state


def manager(version: str, active: int, clustered: bool = False) -> Manager:
    """Of a governor with limit 5 on a server of that version."""
    numbers = dict(zip(("major", "minor", "patch"), map(int, version.split("."))))
    nc = SimpleNamespace(
        connected_server_version=SimpleNamespace(**numbers), connected_url=SimpleNamespace(netloc="u:p@127.0.0.1:4222")
    )
    return Manager(JetStream(nc=cast("Any", nc)), replace(a_state(active, limit=5), clustered=clustered))


def check(subject: Manager, force: bool = False, **changes: Any) -> None:
    subject.check_change(replace(subject.config, **changes), force)


@pytest.mark.parametrize("version", ["2.9.10", "2.10.0", "2.10.5"])
def test_an_old_server_would_evict_holders(version: str) -> None:
    with pytest.raises(InUse) as caught:
        check(manager(version, active=4), limit=3)
    assert str(caught.value) == (
        f"Governor 'g' has 4 active entries, and nats-server {version} would evict the oldest of them for a limit of 3 "
        "(2.10.6 and later keep them). Wait until they are done, upgrade the server, or use force."
    )


@pytest.mark.parametrize("version", ["2.10.6", "2.10.26", "2.11.0", "3.0.0"])
def test_a_newer_server_keeps_them(version: str) -> None:
    check(manager(version, active=4), limit=3)


def test_an_old_server_may_lower_down_to_the_active_entries() -> None:
    check(manager("2.9.10", active=4), limit=4)
    check(manager("2.9.10", active=4), limit=9)


def test_force_evicts_them() -> None:
    check(manager("2.9.10", active=4), limit=3, force=True)


def test_replicas_without_a_cluster() -> None:
    with pytest.raises(ConfigRefused) as caught:
        check(manager("2.10.26", active=0), replicas=3, force=True)
    assert str(caught.value) == (
        "Could not update governor 'g': 3 replicas need a cluster of JetStream servers, and 127.0.0.1:4222 is in none."
    )


def test_replicas_in_a_cluster() -> None:
    check(manager("2.10.26", active=0, clustered=True), replicas=3)
