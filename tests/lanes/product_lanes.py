# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes that do what a user does: install the built collection and read its README, use AWX, and watch the demo."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from common import (
    build_collection,
    copy_tree,
    in_venv,
    install_server,
    make_venv,
    path_with,
    pytest,
    script,
    tarball,
)
from places import AWX_COLLECTIONS, COLLECTION, ROOT, WORK, server_binary
from requirements import AWX, TEST
from steps import Lane, Step

INSTALLED = WORK / "installed"
NEEDED = ("meta", "playbooks", "plugins", "roles")
"""The folders of a collection that Ansible may need. It has to work without all others."""


def install_lane(python: Path) -> Lane:
    """The tarball goes into an empty path; then the examples of the documentation run against what is needed of it."""
    venv = "tests"
    env = {
        **path_with(venv),
        "ANSIBLE_COLLECTIONS_PATH": str(INSTALLED),
        "NATS_SERVER": str(server_binary("newest")),
    }
    galaxy = [in_venv(venv, "ansible-galaxy"), "collection", "install", "-p", str(INSTALLED), str(tarball("install"))]
    unneeded = ["find", str(INSTALLED / COLLECTION), "-mindepth", "1", "-maxdepth", "1"]
    unneeded += [word for name in NEEDED for word in ("!", "-name", name)] + ["-exec", "rm", "-r", "{}", "+"]
    install = f"rm -rf {shlex.quote(str(INSTALLED))} && {shlex.join(galaxy)} && {shlex.join(unneeded)}"
    steps = [
        make_venv(venv, python, TEST),
        install_server("newest"),
        copy_tree("install"),
        build_collection("install", venv),
        Step("install", ["sh", "-c", install], 120, env=env, setup=True),
        Step("readme", [in_venv(venv, "python"), str(ROOT / "tests" / "readme" / "run.py")], 600, env=env),
    ]
    return Lane("install", "the built collection, installed, and the examples of its documentation", steps, weight=90)


def awx_lane(python: Path) -> Lane:
    """The files for AWX and its execution environments, with the programs that AWX runs them by."""
    tests = pytest("pytest", "awx", "tests/awx", 400)
    steps = [
        make_venv("awx", python, AWX),
        install_server("newest"),
        Step("awx.awx", script("install_awx.py"), 300, setup=True),
        replace(tests, env={**tests.env, "AWX_COLLECTIONS": str(AWX_COLLECTIONS)}),
    ]
    return Lane("awx", "jobs as AWX runs and ends them, and what is made in AWX", steps, weight=110)


def demo_lane(python: Path) -> Lane:
    """Alone at the end: it shows a race on the cores. It is what a newcomer runs, so nothing is prepared for it."""
    make = ["make", "--no-print-directory", "demo", f"PYTHON={python}"]
    return Lane("demo", "what `make demo` does", [Step("make", make, 300)], weight=60, alone=True)
