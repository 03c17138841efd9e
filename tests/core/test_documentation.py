# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/core.md and docs/architecture.md say of the code: the example runs, and the names and files exist."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.jetstream.governor.tests.readme.fences import Block, blocks
from ansible_collections.jetstream.governor.tests.support.server import NatsServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "core.md"
CORE = "ansible_collections.jetstream.governor.plugins.module_utils.core"

# Runs a file as Python itself would, and says then whether anything of Ansible came along.
_RUN = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__'); print('ansible' in sys.modules)"


def _only(language: str) -> Block:
    (found,) = [block for block in blocks(PAGE) if block.language == language]
    return found


def test_the_example_prints_what_the_page_says(tmp_path: Path) -> None:
    """On a server of its own, since it lists all governors; and without Ansible."""
    example = tmp_path / "example.py"
    example.write_text(_only("python").text, encoding="utf-8")
    with NatsServer(tmp_path / "nats") as server:
        ran = subprocess.run(
            [sys.executable, "-c", _RUN, str(example)],
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NATS_URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == _only("text").text + "False\n"


def _stable() -> list[tuple[str, str]]:
    """Module and name, with its parameters, of each row below the heading."""
    section = PAGE.read_text(encoding="utf-8").partition("## What is stable")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    return [(module, name) for module, names in rows for name in re.findall(r"`([^`]+)`", names)]


def test_the_page_lists_stable_names() -> None:
    assert len(_stable()) > 30


@pytest.mark.parametrize(("module", "written"), _stable())
def test_a_stable_name_exists(module: str, written: str) -> None:
    path, parenthesis, parameters = written.rstrip(")").partition("(")
    *owners, name = path.split(".")
    found: Any = importlib.import_module(f"{CORE}.{module}")
    for owner in owners:
        found = getattr(found, owner)
    if not parenthesis:
        # A field without a default is no attribute of its class.
        assert hasattr(found, name) or name in getattr(found, "__dataclass_fields__", {})
        return
    called = getattr(found, name)
    assert set(filter(None, parameters.split(", "))) <= set(inspect.signature(called).parameters)


def _table(heading: str) -> list[str]:
    """The rows of the architecture's table that has this first row."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return text.partition(f"{heading}\n")[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize("folder", ["module_utils/core", "module_utils", "plugin_utils"])
def test_the_architecture_names_each_file(folder: str) -> None:
    """And no other: one table for each folder, whose first column has the files."""
    rows = _table(f"| `{folder}` | holds |")
    named = [name for row in rows for name in re.findall(r"`(\w+\.py)`", row.split("|")[1])]
    files = {path.name for path in (ROOT / "plugins" / folder).glob("*.py")} - {"__init__.py"}
    assert sorted(named) == sorted(files)


@pytest.mark.parametrize("row", _table("| Question | Start in |")[1:])
def test_there_is_what_the_architecture_tells_to_look_at(row: str) -> None:
    """Each row names files, and of some of them a function or a class."""
    named = re.findall(r"`([\w/]+\.py)`(?:: `(\w+)`)?", row)
    assert named
    for path, name in named:
        inside = ROOT / "plugins" / path.removeprefix("plugins/").replace("core/", "module_utils/core/")
        assert re.search(rf"(def|class) {name}\b" if name else "", inside.read_text(encoding="utf-8"))
