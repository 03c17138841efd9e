# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lane of everything that reads the collection without running it."""

from __future__ import annotations

import pythons
from common import build_collection, copy_tree, in_venv, make_venv, path_with, tarball
from places import COPIES, HERE, WORK, copy_of
from requirements import LINT
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

    def tool(name: str, bound: float, program: str, *words: str, **variables: str) -> Step:
        return Step(name, [in_venv(NAME, program), *words], bound, env={**env, **variables}, cwd=copy)

    def own(name: str, bound: float, *words: str) -> Step:
        return tool(name, bound, "python", str(HERE / words[0]), *words[1:])

    steps = [
        make_venv(NAME, python, LINT),
        copy_tree(NAME),
        tool("ruff-check", 60, "ruff", "check", "--output-format", "concise"),
        tool("ruff-format", 60, "ruff", "format", "--check"),
        own("mypy", 300, "run_mypy.py", str(root)),
        tool("imports", 60, "lint-imports", "--no-cache", "--no-logo", PYTHONPATH=str(root)),
        own("imports-planted", 120, "planted_imports.py", str(copy)),
        own("file-length", 30, "file_length.py"),
        own("workflows", 30, "check_workflows.py"),
        tool("yamllint", 60, "yamllint", "--strict", "."),
        tool("ansible-lint", 300, "ansible-lint", "--offline", "--profile", "production", "--strict"),
        tool("docs", 120, "antsibull-docs", *DOCS),
        own("site", 120, "build_site.py", str(copy)),
        own("site-links", 30, "check_site.py", str(copy)),
        own("site-planted", 120, "planted_site.py"),
        tool("changelog", 60, "antsibull-changelog", "lint"),
        tool("licences", 60, "reuse", "lint"),
        build_collection(NAME, NAME),
        own("contents", 30, "tarball_contents.py", str(tarball(NAME))),
        own("importer", 300, "importer.py", str(tarball(NAME))),
    ]
    return Lane(NAME, about, steps, weight=100)
