# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lane of everything that reads the collection without running it."""

from __future__ import annotations

import pythons
from common import build_collection, copy_tree, in_venv, make_venv, path_with, script, tarball
from places import COPIES, HERE, WORK, copy_of
from requirements import LINT, RUFF
from steps import Lane, Step

NAME = "lint"
VERSIONS = ["3.13", "3.12"]
DOCS = [
    "lint-collection-docs",
    "--plugin-docs",
    "--validate-collection-refs",
    "all",
    "--check-extra-docs-refs",
    "--disallow-unknown-collection-refs",
    ".",
]


def lint_lane() -> Lane:
    about = "ruff, mypy, ansible-lint, docs, changelog, licences, Galaxy's own checks"
    python = pythons.find(*VERSIONS)
    if python is None:
        return Lane(NAME, about, skip=pythons.missing(*VERSIONS))
    copy, root = copy_of(NAME), COPIES / NAME
    env = {**path_with(NAME), "ANSIBLE_COLLECTIONS_PATH": str(root), "RUFF_CACHE_DIR": str(WORK / "ruff")}

    def tool(name: str, bound: float, program: str, *words: str) -> Step:
        return Step(name, [in_venv(NAME, program), *words], bound, env=env, cwd=copy)

    ruff = in_venv("ruff", "ruff")
    steps = [
        make_venv("ruff", python, RUFF),
        make_venv(NAME, python, LINT),
        copy_tree(NAME),
        Step("ruff-check", [ruff, "check", "--output-format", "concise"], 60, env=env, cwd=copy),
        Step("ruff-format", [ruff, "format", "--check"], 60, env=env, cwd=copy),
        Step("mypy", [in_venv(NAME, "python"), str(HERE / "run_mypy.py"), str(root)], 300, env=env, cwd=copy),
        Step(
            "imports",
            [in_venv(NAME, "lint-imports"), "--no-cache", "--no-logo"],
            60,
            env={**env, "PYTHONPATH": str(root)},
            cwd=copy,
        ),
        Step(
            "imports-planted",
            [in_venv(NAME, "python"), str(HERE / "planted_imports.py"), str(copy)],
            120,
            env=env,
            cwd=copy,
        ),
        Step("file-length", script("file_length.py"), 30, env=env, cwd=copy),
        tool("yamllint", 60, "yamllint", "--strict", "."),
        tool("ansible-lint", 300, "ansible-lint", "--offline", "--profile", "production", "--strict"),
        tool("docs", 120, "antsibull-docs", *DOCS),
        tool("changelog", 60, "antsibull-changelog", "lint"),
        tool("licences", 60, "reuse", "lint"),
        build_collection(NAME, NAME),
        Step("contents", script("tarball_contents.py", str(tarball(NAME))), 30, env=env, cwd=copy),
        Step(
            "importer", [in_venv(NAME, "python"), str(HERE / "importer.py"), str(tarball(NAME))], 300, env=env, cwd=copy
        ),
    ]
    return Lane(NAME, about, steps, weight=100)
