# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: slots
type: aggregate
short_description: Show the slots of a run
version_added: 0.1.0
description:
  - Shows a table when C(ansible-playbook) ends, of every slot that the run took or waited for with
    M(jetstream.governor.governed) and M(jetstream.governor.governor_slot), for how long it waited and for how long it
    held it.
  - What M(jetstream.governor.governor_slot) took and no task released was V(held to the end). Unless it has a
    C(run_id) of its own, it is released when C(ansible-playbook) has ended, with this callback or without.
author:
  - The jetstream.governor team (@jetstream)
requirements:
  - enabled by C(callbacks_enabled = jetstream.governor.slots) in C(ansible.cfg)
notes:
  - It shows what results tell. It does not show a slot whose task has C(no_log), or ended before it could tell.
"""

EXAMPLES = r"""
# In ansible.cfg:
#
# [defaults]
# callbacks_enabled = jetstream.governor.slots
#
# The end of a run then looks like this:
#
# GOVERNOR     HOST  TASK            WAITED  HELD
# db-restarts  db01  Restart         0.0s    4.1s
# db-restarts  db02  Restart         4.2s    4.0s
# db-restarts  db03  Acquire a slot  0.0s    12s, held to the end
"""

from typing import Any

from ansible.plugins.callback import CallbackBase

from ..plugin_utils._ledger import Event, Ledger


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "jetstream.governor.slots"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._ledger = Ledger()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        self._record(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._record(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._record(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._record(result)

    def v2_runner_retry(self, result: Any) -> None:
        self._record(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002
        if self._ledger.rows:
            self._display.banner("SLOTS")
            for line in self._ledger.table():
                self._display.display(line)

    def _record(self, result: Any) -> None:
        host, task = _of(result, "host"), _of(result, "task")
        if task.check_mode:
            return
        name = " ".join(str(task.get_name()).split())
        told = _of(result, "result")
        self._ledger.record(Event(_action(task), str(host.name), name, task.args, told))


def _of(result: Any, name: str) -> Any:
    """Of a task's result; ansible-core has public names for it since 2.19."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")


def _action(task: Any) -> str:
    return str(getattr(task, "resolved_action", None) or task.action)
