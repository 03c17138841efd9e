# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles compute in their ``vars``: names of governors, in which "A" and "a" are two, and their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as MathFilters
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).resolve().parents[2] / "roles"


def computed(role: str, name: str, **variables: Any) -> Any:
    environment = NativeEnvironment()
    environment.filters.update({**CoreFilters().filters(), **MathFilters().filters()})
    template = yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text())[name]
    return environment.from_string(template).render(**variables)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("db", ["db"]),
        (["db", "DB"], ["db", "DB"]),
        (["db", "db"], ["db"]),
        ([], [""]),  # which the first task refuses by its name
    ],
)
def test_under_slot_acquires_in_each_governor_that_is_named(given: Any, names: list[str]) -> None:
    assert computed("under_slot", "under_slot_governors", under_slot_governor=given) == names


def test_under_slot_has_the_order_of_governed_tasks() -> None:
    limits = {"b": 1, "B": 1, "a": 1, "C": 0}
    seen = {"missing": [], "governors": [{"name": name, "limit": limit} for name, limit in limits.items()]}
    order = computed("under_slot", "under_slot_in_order", under_slot_governors=list(limits), under_slot_seen=seen)
    assert order == sorted(limits, key=lambda name: (limits[name], name))


def test_governors_declares_one_for_each_value() -> None:
    hosts = {"h1": {"rack": "r1"}, "h2": {"rack": "R1"}, "h3": {"rack": "r1"}, "h4": {}}
    declared = computed(
        "governors",
        "governors_each",
        governors_list=[{"name": "all"}, {"name": "rack", "for_each": "rack"}],
        groups={"all": list(hosts)},
        hostvars=hosts,
    )
    assert sorted(entry["name"] for entry in declared) == ["all", "rack-R1", "rack-r1"]


def test_governors_finds_what_is_declared_twice() -> None:
    names = ["a", "b", "A", "c", "b"]
    assert computed("governors", "governors_twice", governors_each=[{"name": name} for name in names]) == ["b"]
