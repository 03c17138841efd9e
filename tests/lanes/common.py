# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that several lanes have."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from places import DIST, HERE, PYTHONS, TREE, VENVS, copy_of, server_binary, version
from steps import Step


def script(name: str, *words: str) -> list[str]:
    """The command for a script beside this one, run by the Python that runs the lanes."""
    return [sys.executable, str(HERE / name), *words]


def in_venv(name: str, program: str) -> str:
    return str(VENVS / name / "bin" / program)


def path_with(venv: str) -> dict[str, str]:
    """PATH with the environment's programs first, then the real Pythons."""
    return {"PATH": os.pathsep.join([str(VENVS / venv / "bin"), str(PYTHONS), os.environ["PATH"]])}


def make_venv(name: str, python: Path, packages: list[str]) -> Step:
    return Step(f"venv-{name}", script("make_venv.py", str(VENVS / name), str(python), *packages), 900, setup=True)


def install_server(version: str) -> Step:
    return Step(f"nats-server-{version}", script("install_server.py", version), 300, setup=True)


def copy_tree(lane: str) -> Step:
    return Step("copy", script("copy_tree.py", str(copy_of(lane))), 60, setup=True)


def pytest(
    name: str,
    venv: str,
    folder: str,
    bound: float,
    server: str = "newest",
    older: Mapping[str, str] | None = None,
    marked: str = "",
) -> Step:
    """Run a folder of tests in the checkout itself, which is seen as ansible_collections.jetstream.governor.

    ``older`` are the servers that the tests may start beside ``server``, such as {"2.10": "2.10.26"}. ``marked``: only
    the tests with that mark.
    """
    env = {**path_with(venv), "PYTHONPATH": str(TREE), "NATS_SERVER": str(server_binary(server))}
    for line, release in (older or {}).items():
        env[f"NATS_SERVER_{line.replace('.', '_')}"] = str(server_binary(release))
    selection = ["-m", marked] if marked else []
    argv = [in_venv(venv, "python"), "-m", "pytest", folder, *selection]
    return Step(name, argv, bound, env=env, pytest=True)


def tarball(lane: str) -> Path:
    """Where ``build_collection`` puts the lane's tarball."""
    return DIST / lane / f"jetstream-governor-{version()}.tar.gz"


def build_collection(lane: str, venv: str) -> Step:
    argv = [in_venv(venv, "ansible-galaxy"), "collection", "build", "--force", "--output-path", str(DIST / lane)]
    return Step("build", argv, 60, env=path_with(venv), cwd=copy_of(lane), setup=True)
