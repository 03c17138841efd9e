# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of lanes. Those of ansible-test, which are alike, are made in ansible_lane.py."""

from __future__ import annotations

from pathlib import Path
from shutil import which

import pythons
from ansible_lane import ansible_lane
from common import in_venv, install_server, make_venv, path_with, pytest
from lint_lane import lint_lane
from places import TREE, server_binary
from product_lanes import awx_lane, demo_lane, install_lane
from requirements import OLD_SERVER, OLDER_SERVERS, OLDEST_TEST, PRERELEASE, TEST
from steps import Lane, Step

NEWEST = ["3.13", "3.12", "3.11", "3.10"]
OTHERS = ("3.14", "3.9")
"""The unit tests run on these too: a newer one that few machines have yet, and the oldest that modules run on."""
ON_OLDEST = ("governor_stream", "governor_slot", "governor_info")
"""Integration targets of modules. Under the newest ansible-core their modules run on the oldest Python; what builds on
those modules has them run on the newest there."""
NEWEST_ALONE = ("role_under_slot", "role_nats_server")
"""Integration targets that take long and stand on what all lines of ansible-core have passed."""
AT_THE_ENDS = ("callback_slots", "governor_slot_guard", "playbooks", "role_governors", *NEWEST_ALONE)
"""Those that the lines between the oldest and the newest go without."""
OF_MODULES = ("connection", "governor_info", "governor_slot", "governor_stream")
"""Those of what runs on targets and hardly meets the controller: the lines between go without them too."""
OF_THE_CONTROLLER = ("governed_matrix",)
"""Those of what runs on the controller alone and takes long: of the lines between, which are alike there, 2.20 runs
them. All run action_governed, which leans most on what is inside ansible-core."""
BETWEEN = (*AT_THE_ENDS, *OF_MODULES, *OF_THE_CONTROLLER)
SOAK_SEEDS = ("17", "4")
"""Three replicas; one replica in a cluster."""
TESTS = "tests"
"""The environment that the lanes of plain pytest share."""


def unit_lane(python: Path) -> Lane:
    steps = [make_venv(TESTS, python, TEST), pytest("pytest", TESTS, "tests/unit", 300)]
    for version in OTHERS:
        venv, name, other = f"tests-{version}", f"pytest-{version}", pythons.find(version)
        if other is None:
            steps.append(Step(name, (), 0, skip=pythons.missing(version)))
        else:
            steps += [make_venv(venv, other, TEST), pytest(name, venv, "tests/unit", 300)]
    return Lane("unit", f"unit tests, also on Python {' and '.join(OTHERS)}", steps, weight=50)


def core_lane(python: Path) -> Lane:
    steps = [
        make_venv(TESTS, python, TEST),
        make_venv("tests-oldest", python, OLDEST_TEST),
        install_server("newest"),
        install_server(OLD_SERVER),
        pytest("pytest-newest", TESTS, "tests/core", 600),
        pytest(f"pytest-{OLD_SERVER}", "tests-oldest", "tests/core", 600, OLD_SERVER),
    ]
    about = f"the core against real servers, the newest, and {OLD_SERVER} with the oldest nats-py"
    return Lane("core", about, steps, weight=360)


def faults_lane(python: Path) -> Lane:
    steps = [
        make_venv(TESTS, python, TEST),
        *(install_server(version) for version in ("newest", *OLDER_SERVERS.values())),
        pytest("pytest-newest", TESTS, "tests/faults", 900, older=OLDER_SERVERS),
        *(
            pytest(f"pytest-{version}", TESTS, "tests/faults", 400, version, marked="older_servers")
            for version in OLDER_SERVERS.values()
        ),
    ]
    return Lane("faults", "the core while servers fail, and are upgraded", steps, weight=400, waits=True)


def soak_lane(python: Path) -> Lane:
    options = ["--minutes", "1", "--seed", *SOAK_SEEDS]
    program = [in_venv(TESTS, "python"), "-m", "ansible_collections.jetstream.governor.tests.soak", *options]
    env = {**path_with(TESTS), "PYTHONPATH": str(TREE), "NATS_SERVER": str(server_binary("newest"))}
    steps = [make_venv(TESTS, python, TEST), install_server("newest"), Step("soak", program, 600, env=env)]
    return Lane("soak", "random faults from two fixed seeds, a minute each", steps, weight=130, waits=True)


def interop_lane(python: Path) -> Lane:
    about = "the core beside Choria's own Go code"
    if which("go") is None:
        return Lane("interop", about, skip="it needs go on PATH")
    steps = [make_venv(TESTS, python, TEST), install_server("newest"), pytest("pytest", TESTS, "tests/interop", 900)]
    return Lane("interop", about, steps, weight=90)


def lanes() -> list[Lane]:
    python = pythons.find(*NEWEST)
    if python is None:
        raise SystemExit(f"none of these Python versions was found: {', '.join(NEWEST)}")
    return [
        lint_lane(),
        unit_lane(python),
        core_lane(python),
        faults_lane(python),
        soak_lane(python),
        interop_lane(python),
        ansible_lane(
            "2.16", ["3.10"], OLD_SERVER, weight=650, sanity="of core", without=NEWEST_ALONE, governed="of core"
        ),
        ansible_lane("2.17", ["3.10"], "newest", weight=90, without=BETWEEN),
        ansible_lane("2.18", ["3.12"], "newest", weight=90, without=BETWEEN),
        ansible_lane("2.19", ["3.11"], "newest", weight=150, sanity="of core", without=BETWEEN),
        ansible_lane("2.20", ["3.12"], "newest", weight=220, without=(*AT_THE_ENDS, *OF_MODULES)),
        ansible_lane(
            "2.21",
            ["3.13", "3.12"],
            "newest",
            weight=1200,
            sanity="all",
            governed="all",
            old_target=ON_OLDEST,
        ),
        ansible_lane(PRERELEASE, ["3.14", "3.13"], "newest", weight=90, sanity="of core", without=BETWEEN),
        install_lane(python),
        awx_lane(python),
        demo_lane(python),
    ]
