# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused, or told, because a server of that version would do it wrong in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.config import GovernorConfig
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import ConfigRefused, InUse
from ansible_collections.jetstream.governor.plugins.module_utils.core.hazards import Version, check_change, hazards
from ansible_collections.jetstream.governor.plugins.module_utils.core.state import State
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state

SERVER = "127.0.0.1:4222"


def numbers(version: str) -> Version:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def governor(active: int = 0, clustered: bool = False, **config: Any) -> State:
    """With limit 5 and max_age 60 s."""
    state = a_state(active, limit=5)
    return replace(state, clustered=clustered, config=replace(state.config, **config))


def check(version: str, before: State, force: bool = False, **changes: Any) -> None:
    check_change(before, replace(before.config, **changes), numbers(version), SERVER, force)


def create(version: str, force: bool = False, **config: Any) -> None:
    check_change(None, governor(**config).config, numbers(version), SERVER, force)


@pytest.mark.parametrize("version", ["2.9.10", "2.10.0", "2.10.5"])
def test_an_old_server_would_evict_holders(version: str) -> None:
    with pytest.raises(InUse) as caught:
        check(version, governor(active=4), limit=3)
    assert str(caught.value) == (
        f"Governor 'g' has 4 active entries, and nats-server {version} would evict the oldest of them for a limit of 3 "
        "(2.10.6 and later keep them). Wait until they are done, upgrade the server, or use force."
    )


@pytest.mark.parametrize("version", ["2.10.6", "2.10.26", "2.11.0", "3.0.0"])
def test_a_newer_server_keeps_them(version: str) -> None:
    check(version, governor(active=4), limit=3)


def test_an_old_server_may_lower_down_to_the_active_entries() -> None:
    check("2.9.10", governor(active=4), limit=4)
    check("2.9.10", governor(active=4), limit=9)


def test_force_evicts_them() -> None:
    check("2.9.10", governor(active=4), limit=3, force=True)


def test_replicas_without_a_cluster() -> None:
    with pytest.raises(ConfigRefused) as caught:
        check("2.14.0", governor(), replicas=3, force=True)
    assert str(caught.value) == (
        "Could not update governor 'g': 3 replicas need a cluster of JetStream servers, and 127.0.0.1:4222 is in none."
    )


def test_replicas_in_a_cluster() -> None:
    check("2.10.26", governor(clustered=True, max_age=0.0), replicas=3)
    check("2.14.0", governor(clustered=True), replicas=3)


DRIFTING = (
    "has 3 replicas and a max_age, and nats-server 2.12.8 lets each replica expire entries by itself: after a change "
    "of leader more may hold a slot than the limit allows (2.14 and later are safe). Set max_age to 0 or replicas to "
    "1, or upgrade the servers."
)


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        (None, {}),
        (governor(clustered=True), {"replicas": 3}),
        (governor(clustered=True, replicas=3, max_age=0.0), {"max_age": 5.0}),
    ],
)
def test_replicas_that_would_expire_entries_each_by_itself(before: Optional[State], changes: dict[str, Any]) -> None:
    config = replace(before.config, **changes) if before else governor(replicas=3).config
    with pytest.raises(ConfigRefused) as caught:
        check_change(before, config, (2, 12, 8), SERVER, force=False)
    verb = "update" if before else "create"
    assert str(caught.value) == f"Could not {verb} governor 'g': it {DRIFTING} Or use force."


def test_what_is_safe_with_replicas() -> None:
    create("2.14.0", replicas=3)
    create("2.12.8", replicas=3, max_age=0.0)
    create("2.12.8", replicas=1)


def test_force_takes_the_risk() -> None:
    create("2.12.8", replicas=3, force=True)


def test_what_drifts_already_can_be_changed_in_other_ways() -> None:
    check("2.12.8", governor(clustered=True, replicas=3), limit=9)


def told(config: GovernorConfig, version: str, **stream: Any) -> list[str]:
    return hazards(config, {**config.to_stream(), **stream}, numbers(version))


def test_what_drifts_is_told() -> None:
    config = governor(replicas=3).config
    assert told(config, "2.12.8") == [f"Governor 'g' {DRIFTING}"]
    assert told(config, "2.14.0") == []
    assert told(replace(config, max_age=0.0), "2.12.8") == []


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "allow_msg_ttl",
            "Governor 'g': clients may give an entry a lifetime of its own, longer than max_age (allow_msg_ttl).",
        ),
        (
            "allow_rollup_hdrs",
            "Governor 'g': clients may delete all other entries by a header (allow_rollup_hdrs).",
        ),
    ],
)
def test_what_any_entrant_may_do_is_told(option: str, sentence: str) -> None:
    assert told(governor().config, "2.15.1", **{option: True}) == [sentence]
    assert told(governor().config, "2.15.1", **{option: False}) == []
