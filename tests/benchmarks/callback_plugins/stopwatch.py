# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: stopwatch
type: aggregate
short_description: Writes down how long tasks take
description: For benchmarks; the file is named by the environment variable E(STOPWATCH_RECORD).
requirements:
  - enabling in configuration
"""


class CallbackModule(CallbackBase):
    """A line for each result: the task's name, and the seconds since its worker was started."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "stopwatch"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_start(self, host: Any, task: Any) -> None:  # noqa: ARG002  # as Ansible calls it
        self._began = (time.monotonic(), task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ARG002
        began, name = self._began
        with open(os.environ["STOPWATCH_RECORD"], "a", encoding="utf-8") as record:
            record.write(f"{name} {time.monotonic() - began:.6f}\n")
