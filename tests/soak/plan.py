# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is like, as its seed and the server's version decide."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

_EXPIRES_IN_STEP = (2, 14)
"""From here on the replicas of a stream expire its messages together."""

LEASE = 6.0
"""Seconds. Nobody has time for the usual minute here."""


class Plan(NamedTuple):
    """``nodes``: servers, 1 or 3. ``max_age``: seconds, 0 for never. ``hold``: seconds of work, about."""

    seed: int
    nodes: int
    replicas: int
    limit: int
    max_age: float
    workers: int
    hold: float

    @property
    def shown(self) -> str:
        age = f"max_age {self.max_age:g} s" if self.max_age else "no max_age"
        nodes = f"{self.nodes} node{'s' if self.nodes > 1 else ''}"
        return (
            f"{nodes}, replicas {self.replicas}, limit {self.limit}, {age}, {self.workers} workers, "
            f"work of about {self.hold:g} s"
        )


def draw(seed: int, version: tuple[int, ...]) -> Plan:
    """On any version the same seed draws the same plan, but for a max_age that this one cannot keep."""
    random = Random(seed)
    nodes, replicas = random.choice([(1, 1), (3, 1), (3, 3), (3, 3), (3, 3)])
    limit = random.choice([1, 2, 3, 5, 8])
    max_age = random.choice([0.0, 0.0, 0.0, 8.0])
    workers = limit * 2 + random.randint(5, 20)
    hold = random.choice([0.05, 0.2, 0.8])
    if replicas > 1 and version < _EXPIRES_IN_STEP:
        max_age = 0.0
    return Plan(seed, nodes, replicas, limit, max_age, workers, hold)
