# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run all steps: those of each document, first in check mode, and then the examples of each module.

Each document and each module is a section, with a server of its own.
"""

from __future__ import annotations

import os
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Callable

from ansible_collections.jetstream.governor.tests.readme import documents, examples
from ansible_collections.jetstream.governor.tests.readme.fences import blocks
from ansible_collections.jetstream.governor.tests.readme.playground import Failed, Playground


class Report:
    """A line for each step as it ends, with the output of those that fail."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def step(self, name: str, run: Callable[[], object]) -> None:
        began, trouble = time.monotonic(), ""
        try:
            run()
        except Failed as exc:
            trouble = str(exc)
        except Exception:  # noqa: BLE001  # whatever went wrong in one step, the others are run
            trouble = traceback.format_exc()
        took = time.monotonic() - began
        print(f"{'FAILED' if trouble else 'ok'} {name} {took:.1f} s", flush=True)
        if trouble:
            print(trouble, flush=True)
        self.passed += not trouble
        self.failed += bool(trouble)


def run(root: Path, folder: Path) -> int:
    """Run all sections, and return the exit code."""
    if not os.environ.get("ANSIBLE_COLLECTIONS_PATH"):
        raise SystemExit("ANSIBLE_COLLECTIONS_PATH must say where the collection is installed")
    report = Report()
    guides = sorted(path for path in (root / "docs").rglob("*") if path.suffix in (".md", ".rst"))
    for number, path in enumerate([root / "README.md", *guides]):
        _document(report, path, str(path.relative_to(root)), folder / f"document{number}")
    _modules(report, folder)
    print(f"{report.passed} passed, {report.failed} failed", flush=True)
    return 1 if report.failed else 0


def _document(report: Report, path: Path, name: str, folder: Path) -> None:
    try:
        found = blocks(path)
        steps = [*documents.checks(name, found), *documents.steps(name, found)]
    except (OSError, ValueError) as exc:
        report.step(name, partial(documents.fail, str(exc)))
        return

    def try_all(ground: Playground) -> None:
        for step in steps:
            report.step(step.name, partial(step.run, ground))

    if steps:
        _section(report, name, Playground(folder, documents.groups(found)), try_all)
    elif name == "README.md":
        report.step(name, partial(documents.fail, "There is nothing to try in it."))
    else:
        print(f"-- {name} has nothing to try", flush=True)


def _modules(report: Report, folder: Path) -> None:
    names: list[str] = []

    def find(ground: Playground) -> None:
        report.step("the modules of the installed collection", lambda: names.extend(examples.modules(ground)))

    _section(report, "modules", Playground(folder / "modules", []), find)
    for name in names:

        def try_all(ground: Playground, name: str = name) -> None:
            report.step(f"examples of {name}", partial(examples.run, ground, name))

        _section(report, name, Playground(folder / name, []), try_all)


def _section(report: Report, name: str, playground: Playground, use: Callable[[Playground], None]) -> None:
    try:
        with playground as ground:
            use(ground)
    except (RuntimeError, AssertionError, OSError) as exc:
        # Steps raise nothing: it is the server that is missing, or did not start.
        report.step(f"a nats-server for {name}", partial(documents.fail, str(exc)))
