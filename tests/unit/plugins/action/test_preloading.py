# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-playbook loads with the action, for all of its workers: in a Python of its own, as there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.jetstream.governor.plugins.action import governed

LOADED = """
import os, sys, threading
import ansible.utils.display  # ansible-playbook has it, and with it what ctypes opens
{before}

def open_files():
    return {{name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{name}}")}}

before = open_files()
from ansible_collections.jetstream.governor.plugins.action import governed
names = ("nats.aio.client", "ansible_collections.jetstream.governor.plugins.module_utils.core.waiter")
print([name in sys.modules for name in names], threading.active_count(), len(open_files() - before))
"""


def told(before: str = "") -> str:
    root = Path(str(governed.__file__)).parents[5]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    words = [sys.executable, "-c", LOADED.format(before=before)]
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_wait_imports_nothing_in_a_worker_and_nothing_is_started() -> None:
    assert told() == "[True, True] 1 0\n"


def test_the_action_is_loaded_without_nats_py_too() -> None:
    """The task tells what is missing."""
    assert told("sys.modules['nats'] = None") == "[False, True] 1 0\n"
