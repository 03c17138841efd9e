# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from ansible_collections.jetstream.governor.tests.support.server import binary


def described() -> str:
    server = subprocess.run([binary(), "--version"], check=True, capture_output=True, text=True).stdout
    return (
        f"{_cores()} cores{_model()}, {_memory()}, {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}, {server.strip().replace(': v', ' ')}, nats-py {version('nats-py')}, "
        f"ansible-core {version('ansible-core')}."
    )


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = (names or [platform.processor()])[0]
    return f" ({name})" if name else ""


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB of memory"
