# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of a governor, now and as desired, and the plan that leads from one to the other. Pure.

Check mode, diffs and changes use the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from .durations import LONGEST
from .errors import InvalidValue, NotAGovernor
from .jetstream import Json
from .names import campaign_subject, check_label, check_subject, governor_name, stream_name
from .pause import Pause, with_pause

# The condition of a governor's queue, and of its leases. "broken": it exists, but not in the form in which it would be
# made; or the governor has leases, and the stream that they need does not exist. "unknown": nobody has looked at it.
Condition = Literal["ready", "absent", "broken", "unknown"]

# What says in the metadata of a governor's stream that its slots have leases. Choria's tools keep it as it is.
LEASE_KEY = "governor_lease"

# The settings that make a stream a governor: it keeps entries on disk until they are deleted, and refuses new ones when
# it is full.
_NATURE = {"retention": "limits", "storage": "file", "discard": "new"}

# The settings that no governor may have. With them slots could not be released, nobody would learn whether it has a
# slot, or max_msgs would not be the cap.
_NEVER = {
    "sealed": "it is sealed",
    "deny_delete": "it denies deleting messages (deny_delete)",
    "no_ack": "it does not acknowledge messages (no_ack)",
    "discard_new_per_subject": "it limits messages by subject (discard_new_per_subject)",
}

# nats-server refuses a shorter max_age (in seconds), more replicas, and a longer description (in bytes).
_SHORTEST_AGE = 0.1
_MOST_REPLICAS = 5
_LONGEST_DESCRIPTION = 4096


@dataclass(frozen=True)
class GovernorConfig:
    """The settings of a governor.

    ``limit`` is the number of slots. ``max_age`` is in seconds; 0 means that entries never expire. Entries are
    published to ``subject``. ``lease`` is the condition of its leases: whether each slot ends with its holder.
    ``paused`` is None unless it is paused, which leaves the limit alone.
    """

    name: str
    limit: int
    max_age: float
    replicas: int
    subject: str
    description: str
    queue: Condition = "unknown"
    lease: Condition = "absent"
    paused: Pause | None = None

    @classmethod
    def from_stream(cls, stream: Json) -> GovernorConfig:
        """Return the settings of the governor that has this stream configuration. Its ``queue`` is "unknown".

        Its ``lease`` is "ready" where it has leases; whether their stream is there does not show here. Raises
        NotAGovernor, with all reasons in its message, when the stream does not behave as a governor.
        """
        name = governor_name(stream["name"])
        reasons = _not_a_governor(stream)
        if name is None or reasons:
            raise NotAGovernor(
                f"Stream {stream['name']} exists but is not a governor: {', '.join(reasons) or 'its name'}. "
                "Use another name, or delete the stream."
            )
        return cls(
            name=name,
            limit=int(stream["max_msgs"]),
            max_age=stream.get("max_age", 0) / 1e9,
            replicas=int(stream.get("num_replicas", 1)),
            subject=stream["subjects"][0],
            description=stream.get("description", ""),
            lease="ready" if (stream.get("metadata") or {}).get(LEASE_KEY) else "absent",
            paused=Pause.of_stream(stream),
        )

    def as_options(self) -> Json:
        """Return the settings by the names of the module options, for a diff. The name is left out."""
        return _options({setting: value for setting, value in vars(self).items() if setting != "name"})

    def to_stream(self, base: Json | None = None) -> Json:
        """Return the configuration of the governor's stream.

        ``base`` is the present configuration of the stream, of which all that a governor does not set is kept. None
        is for a new stream.
        """
        stream = {
            **(base or {"max_bytes": -1, "max_msg_size": -1, "max_consumers": -1}),
            **_NATURE,
            "name": stream_name(self.name),
            "description": self.description,
            "subjects": [self.subject],
            "max_msgs": self.limit,
            "max_age": round(self.max_age * 1e9),
            "num_replicas": self.replicas,
            # The server chooses: two minutes, or less where max_age or its own limits require less.
            "duplicate_window": 0,
            "metadata": self._metadata((base or {}).get("metadata") or {}),
        }
        return with_pause(stream, self.paused)

    def _metadata(self, present: Mapping[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in present.items() if key != LEASE_KEY}
        return {**kept, LEASE_KEY: "true"} if self.lease == "ready" else kept


@dataclass(frozen=True)
class Desired:
    """The settings that a caller asks for. None keeps a setting as it is, and gives a new governor the default.

    ``max_age`` is in seconds, 0 for never. ``queue`` says whether the governor is to have a queue, and ``lease``
    whether its slots are to have leases. ``paused``: a Pause to pause the governor so unless it is paused already, and
    False to resume it.
    """

    limit: int | None = None
    max_age: float | None = None
    replicas: int | None = None
    subject: str | None = None
    description: str | None = None
    queue: bool | None = None
    lease: bool | None = None
    paused: Pause | Literal[False] | None = None

    def given(self) -> Json:
        """Return the settings that are not None, by name and with the values that ``GovernorConfig`` has for them."""
        given = {setting: value for setting, value in vars(self).items() if value is not None}
        for setting in ("queue", "lease"):
            if setting in given:
                given[setting] = "ready" if given[setting] else "absent"
        if "paused" in given:
            given["paused"] = self.paused or None
        return given

    def as_options(self) -> Json:
        """Return the settings that are given, by the names of the module options."""
        return {option: value for option, value in _options(self.given()).items() if value is not None}

    @property
    def lacking(self) -> str:
        """The required settings of a new governor that are not given, joined by "and". Empty when none is lacking.

        Without a lease, nothing but max_age frees the slot of a holder that has died.
        """
        required = ("limit", "max_age") if self.lease is False else ("limit",)
        return " and ".join(option for option in required if getattr(self, option) is None)

    def check(self) -> None:
        """Check the values that can be checked without a server.

        Raises InvalidValue for a value that every server would refuse.
        """
        if self.limit is not None and self.limit < 1:
            raise InvalidValue(f"limit must be at least 1, not {self.limit}.")
        if self.replicas is not None and not 1 <= self.replicas <= _MOST_REPLICAS:
            raise InvalidValue(f"replicas must be 1 to {_MOST_REPLICAS}, not {self.replicas}.")
        if self.max_age and not _SHORTEST_AGE <= self.max_age < LONGEST:
            raise InvalidValue(
                f"max_age must be 0 (never), or at least {_SHORTEST_AGE} s and below 292 years, not {self.max_age:g} s."
            )
        if self.subject is not None:
            check_subject(self.subject)
        if self.paused and self.paused.reason is not None:
            check_label(self.paused.reason, "A reason")
        if self.description is not None and len(self.description.encode()) > _LONGEST_DESCRIPTION:
            raise InvalidValue(f"description must be at most {_LONGEST_DESCRIPTION} bytes long.")


class Change(NamedTuple):
    """One setting that changes. ``before`` is None when the governor is created."""

    option: str
    before: Any
    after: Any


class Plan(NamedTuple):
    """What is to be done to a governor.

    ``before`` is None when the governor is to be created. ``changes`` is empty when nothing is to be done.
    """

    before: GovernorConfig | None
    after: GovernorConfig
    changes: tuple[Change, ...]


def plan_change(name: str, current: GovernorConfig | None, desired: Desired, location: str) -> Plan:
    """Return the plan that leads from ``current`` to ``desired``.

    ``current`` is None when there is no such governor. Otherwise the condition of its queue and leases must be known;
    what is broken is repaired also when ``desired`` does not ask for it. ``location`` is where the governor is, for
    messages.

    Raises InvalidValue for a value that every server would refuse, and when a new governor lacks a limit, or a max_age
    that it needs.
    """
    desired.check()
    wanted = desired.given()
    if "max_age" in wanted:
        # The server stores nanoseconds. 102 times 0.001 is not 0.102: without rounding it would be a change each time.
        wanted["max_age"] = round(wanted["max_age"] * 1e9) / 1e9
    if current is None:
        return _creation(name, wanted, desired.lacking, location)
    for option in ("queue", "lease"):
        if getattr(current, option) == "broken":
            wanted.setdefault(option, "ready")
    if current.paused and wanted.get("paused"):
        wanted["paused"] = current.paused.renewed(wanted["paused"])
    after = replace(current, **wanted)
    return Plan(current, after, _changes(current.as_options(), after.as_options()))


def _creation(name: str, wanted: Mapping[str, Any], lacking: str, location: str) -> Plan:
    if lacking:
        raise InvalidValue(f"There is no governor '{name}' at {location} yet; creating it needs {lacking}.")
    defaults = {
        "max_age": 0.0,
        "replicas": 1,
        "subject": campaign_subject(name),
        "description": f"Concurrency Governor {name}",
        "queue": "ready",
        "lease": "ready",
    }
    after = GovernorConfig(**{"name": name, **defaults, **wanted})
    return Plan(None, after, _changes({}, after.as_options()))


def _changes(before: Json, after: Json) -> tuple[Change, ...]:
    return tuple(
        Change(option, before.get(option), value) for option, value in after.items() if value != before.get(option)
    )


def _options(settings: Json) -> Json:
    """Return settings by the names of the module options, and with their values."""
    if "paused" not in settings:
        return settings
    pause = settings["paused"]
    return {**settings, "paused": pause is not None, "reason": pause.reason if pause else None}


def _not_a_governor(stream: Json) -> list[str]:
    reasons = [
        f"its {option} is {stream.get(option)!r}, not {value!r}"
        for option, value in _NATURE.items()
        if stream.get(option) != value
    ]
    if stream.get("max_msgs", -1) < 1:
        reasons.append("it has no maximum number of messages")
    subjects = stream.get("subjects") or []
    if len(subjects) != 1 or set(subjects[0]) & set("*>"):
        reasons.append(f"it listens on {', '.join(subjects) or 'no subject'}, not on a single subject")
    return reasons + [reason for option, reason in _NEVER.items() if stream.get(option)]
