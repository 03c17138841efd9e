# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a seed decides."""

from __future__ import annotations

from ansible_collections.jetstream.governor.tests.soak.plan import draw

SEEDS = range(200)
OLD, NEW = (2, 12, 8), (2, 14, 0)


def test_a_seed_always_draws_the_same() -> None:
    assert [draw(seed, NEW) for seed in SEEDS] == [draw(seed, NEW) for seed in SEEDS]


def test_all_kinds_are_drawn() -> None:
    drawn = {(plan.nodes, plan.replicas, plan.max_age > 0) for plan in (draw(seed, NEW) for seed in SEEDS)}
    assert drawn == {(nodes, replicas, age) for nodes, replicas in ((1, 1), (3, 1), (3, 3)) for age in (False, True)}


def test_replicas_that_expire_apart_get_no_max_age_and_all_else_is_the_same() -> None:
    for seed in SEEDS:
        old, new = draw(seed, OLD), draw(seed, NEW)
        assert old == (new._replace(max_age=0.0) if new.replicas > 1 else new)


def test_there_are_always_some_who_wait() -> None:
    assert all(plan.workers > plan.limit * 2 for plan in (draw(seed, NEW) for seed in SEEDS))
