# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when import-linter overlooks an import that breaks the rings: each is planted in a copy of the plugins.

``planted_imports.py COPY``, where COPY is the lane's copy of the checkout, by the Python that has import-linter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from places import COLLECTION

GOVERNOR = "ansible_collections.jetstream.governor.plugins"
CORE, GLUE, FACES = "The core imports nothing of Ansible", "Glue imports the core", "Faces import glue"
PLANTS = (
    ("module_utils/core/names.py", "import ansible", CORE),
    ("module_utils/core/slot.py", "def late(): from ansible.module_utils.basic import AnsibleModule", CORE),
    ("module_utils/core/names.py", "from .._connection_options import CONNECTION_OPTIONS", GLUE),
    ("module_utils/core/slot.py", f"from {GOVERNOR}.module_utils import _results", GLUE),
    ("module_utils/core/errors.py", "from .stack import Stack", "Each file of the core"),
    ("module_utils/_results.py", "from ..plugin_utils._play import named", FACES),
    ("module_utils/_runner.py", f"import {GOVERNOR}.modules.governor_info", FACES),
    ("plugin_utils/_play.py", "from ..action import governed", FACES),
    ("modules/governor_info.py", f"from {GOVERNOR}.plugin_utils import _ledger", "Modules run on targets"),
    ("plugin_utils/_local_work.py", "from . import _interruption", "Nothing is imported in a circle"),
)
"""A file, a line to add to it, and how the contract begins that must tell of it."""


def told(root: Path, settings: Path) -> str:
    """What import-linter says of the plugins below ROOT. Raises SystemExit where it does not end by a verdict."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", str(settings)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True)
    if "\nContracts: " not in run.stdout:
        raise SystemExit(f"no verdict:\n{run.stdout}{run.stderr}")
    return run.stdout


def main() -> int:
    copy, overlooked = Path(sys.argv[1]), 0
    for name, line, contract in PLANTS:
        with tempfile.TemporaryDirectory() as folder:
            plugins = Path(folder) / COLLECTION / "plugins"
            shutil.copytree(copy / "plugins", plugins)
            with (plugins / name).open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n")
            said = told(Path(folder), copy / "pyproject.toml")
        broken = [each for each in said.splitlines() if each.startswith(contract) and each.endswith(" BROKEN")]
        print(f"{name}: {line}: {broken[0] if broken else 'OVERLOOKED'}")
        overlooked += not broken
    return 1 if overlooked else 0


if __name__ == "__main__":
    sys.exit(main())
