# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan from what a governor is to what it shall be; and a governor's configuration to and from a stream's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.config import (
    Change,
    Condition,
    Desired,
    GovernorConfig,
    Plan,
    plan_change,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue, NotAGovernor

CRON = GovernorConfig(
    name="cron",
    limit=5,
    max_age=300.0,
    replicas=1,
    subject="$GOVERNOR.campaign.cron",
    description="Concurrency Governor cron",
    queue="ready",
    lease="ready",
)


def config(**differences: Any) -> GovernorConfig:
    return GovernorConfig(**{**vars(CRON), **differences})


def planned(current: Optional[GovernorConfig], desired: Desired, name: str = "cron") -> Plan:
    return plan_change(name, current, desired, "nats1:4222")


def test_creation_with_defaults() -> None:
    assert planned(None, Desired(limit=5, max_age=300.0)) == Plan(
        before=None,
        after=CRON,
        changes=(
            Change("limit", None, 5),
            Change("max_age", None, 300.0),
            Change("replicas", None, 1),
            Change("subject", None, "$GOVERNOR.campaign.cron"),
            Change("description", None, "Concurrency Governor cron"),
            Change("queue", None, "ready"),
            Change("lease", None, "ready"),
            Change("paused", None, False),
        ),
    )


def test_creation_with_everything_given() -> None:
    given: dict[str, Any] = {"max_age": 0, "replicas": 3, "subject": "c.governor.cron", "description": ""}
    desired = Desired(limit=1, queue=False, lease=False, **given)
    after = config(limit=1, queue="absent", lease="absent", **given)
    assert planned(None, desired).after == after


@pytest.mark.parametrize(
    ("desired", "missing"),
    [
        (Desired(), "limit"),
        (Desired(max_age=0), "limit"),
        (Desired(replicas=3, lease=True), "limit"),
        (Desired(lease=False), "limit and max_age"),
        (Desired(limit=5, lease=False), "max_age"),
    ],
)
def test_creation_needs_a_limit_and_without_leases_a_max_age(desired: Desired, missing: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        planned(None, desired)
    assert str(caught.value) == f"There is no governor 'cron' at nats1:4222 yet; creating it needs {missing}."


@pytest.mark.parametrize(
    "desired",
    [
        Desired(),
        Desired(limit=5),
        Desired(max_age=300),
        Desired(limit=5, max_age=300.0, replicas=1),
        Desired(subject="$GOVERNOR.campaign.cron", description="Concurrency Governor cron"),
    ],
)
def test_nothing_to_do(desired: Desired) -> None:
    assert planned(CRON, desired) == Plan(CRON, CRON, ())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("limit", 6),
        ("max_age", 60.0),
        ("max_age", 0),
        ("replicas", 3),
        ("subject", "c.governor.cron"),
        ("description", "night jobs"),
        ("description", ""),
    ],
)
def test_one_change(option: str, value: Any) -> None:
    result = planned(CRON, Desired(**{option: value}))
    assert result == Plan(CRON, config(**{option: value}), (Change(option, getattr(CRON, option), value),))


def test_only_what_differs_is_a_change() -> None:
    result = planned(CRON, Desired(limit=5, max_age=60.0, replicas=3))
    assert result.changes == (Change("max_age", 300.0, 60.0), Change("replicas", 1, 3))


@pytest.mark.parametrize("queue", ["ready", "absent"])
def test_a_queue_that_nothing_is_said_of_stays_as_it_is(queue: Condition) -> None:
    """As every other option: one that was taken away is not given back, and Choria's governors get none unasked."""
    current, after = config(queue=queue), config(queue=queue, limit=2)
    assert planned(current, Desired(limit=2)) == Plan(current, after, (Change("limit", 5, 2),))


@pytest.mark.parametrize("asked_for", [None, True])
def test_a_queue_that_is_not_in_order_is_mended_also_unasked(asked_for: Optional[bool]) -> None:
    broken = config(queue="broken")
    assert planned(broken, Desired(queue=asked_for)) == Plan(broken, CRON, (Change("queue", "broken", "ready"),))


def test_a_queue_that_is_not_in_order_can_be_taken_away() -> None:
    broken, after = config(queue="broken"), config(queue="absent")
    assert planned(broken, Desired(queue=False)) == Plan(broken, after, (Change("queue", "broken", "absent"),))


@pytest.mark.parametrize("seconds", [102 * 0.001, 0.1 + 0.2, 1 / 3, 2**30 / 3, 1e9 + 0.1])
def test_a_max_age_that_was_applied_is_no_change_any_more(seconds: float) -> None:
    """The server counts nanoseconds, and a float may lie beside them: 102 times 0.001 is not 0.102."""
    applied = planned(CRON, Desired(max_age=seconds)).after
    stored = replace(GovernorConfig.from_stream(applied.to_stream()), queue="ready")
    assert stored == applied
    assert planned(stored, Desired(max_age=seconds)).changes == ()


@pytest.mark.parametrize(
    ("desired", "sentence"),
    [
        (Desired(limit=0), "limit must be at least 1, not 0."),
        (Desired(limit=-3), "limit must be at least 1, not -3."),
        (Desired(replicas=0), "replicas must be 1 to 5, not 0."),
        (Desired(replicas=6), "replicas must be 1 to 5, not 6."),
        (Desired(max_age=0.05), "max_age must be 0 (never), or at least 0.1 s and below 292 years, not 0.05 s."),
        (Desired(max_age=-60), "max_age must be 0 (never), or at least 0.1 s and below 292 years, not -60 s."),
        (Desired(max_age=float("nan")), "max_age must be 0 (never), or at least 0.1 s and below 292 years, not nan s."),
        (
            Desired(max_age=1e10),
            "max_age must be 0 (never), or at least 0.1 s and below 292 years, not 1e+10 s.",
        ),
        (Desired(description="x" * 4097), "description must be at most 4096 bytes long."),
        (Desired(description="ü" * 2049), "description must be at most 4096 bytes long."),
        (
            Desired(subject="a b"),
            "A governor's subject must be tokens joined by single dots, without blanks and wildcards, not 'a b'.",
        ),
    ],
)
@pytest.mark.parametrize("current", [None, CRON])
def test_values_that_no_server_takes(current: Optional[GovernorConfig], desired: Desired, sentence: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        planned(current, desired)
    assert str(caught.value) == sentence


def test_a_bad_name_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(InvalidValue, match="^A governor's name must be printable"):
        planned(None, Desired(limit=1, max_age=0), name="a.b")


def test_the_stream_of_a_new_governor() -> None:
    assert CRON.to_stream() == {
        "name": "GOVERNOR_cron",
        "description": "Concurrency Governor cron",
        "subjects": ["$GOVERNOR.campaign.cron"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs": 5,
        "max_bytes": -1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "max_age": 300_000_000_000,
        "num_replicas": 1,
        "duplicate_window": 0,
        "metadata": {"governor_lease": "true"},
    }


def test_what_is_not_the_governors_stays_in_the_stream() -> None:
    base = {**CRON.to_stream(), "max_bytes": 4096, "metadata": {"team": "blue"}, "compression": "s2", "invented": 1}
    after = config(limit=6, lease="absent").to_stream(base)
    assert after == {**base, "max_msgs": 6}
    assert config(limit=6).to_stream(after)["metadata"] == {"team": "blue", "governor_lease": "true"}


def test_a_stream_that_omits_what_is_empty() -> None:
    stream = CRON.to_stream()
    for field in ("description", "max_age", "num_replicas"):
        del stream[field]
    assert GovernorConfig.from_stream(stream) == config(description="", max_age=0, queue="unknown")


@pytest.mark.parametrize(
    ("differences", "reasons"),
    [
        ({"storage": "memory"}, "its storage is 'memory', not 'file'"),
        ({"discard": "old"}, "its discard is 'old', not 'new'"),
        ({"retention": "workqueue"}, "its retention is 'workqueue', not 'limits'"),
        ({"max_msgs": -1}, "it has no maximum number of messages"),
        ({"subjects": []}, "it listens on no subject, not on a single subject"),
        ({"subjects": None}, "it listens on no subject, not on a single subject"),
        ({"subjects": ["a", "b"]}, "it listens on a, b, not on a single subject"),
        ({"subjects": ["a.*"]}, "it listens on a.*, not on a single subject"),
        ({"subjects": ["a.>"]}, "it listens on a.>, not on a single subject"),
        ({"sealed": True}, "it is sealed"),
        ({"deny_delete": True}, "it denies deleting messages (deny_delete)"),
        ({"no_ack": True}, "it does not acknowledge messages (no_ack)"),
        ({"discard_new_per_subject": True}, "it limits messages by subject (discard_new_per_subject)"),
        (
            {"storage": "memory", "discard": "old"},
            "its storage is 'memory', not 'file', its discard is 'old', not 'new'",
        ),
        ({"name": "ORDERS"}, "its name"),
    ],
)
def test_not_a_governor(differences: dict[str, Any], reasons: str) -> None:
    stream = {**CRON.to_stream(), **differences}
    with pytest.raises(NotAGovernor) as caught:
        GovernorConfig.from_stream(stream)
    assert str(caught.value) == (
        f"Stream {stream['name']} exists but is not a governor: {reasons}. Use another name, or delete the stream."
    )
