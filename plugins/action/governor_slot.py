# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the module ``governor_slot`` know what only the controller knows."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.play import play_facts, run_and_host


class ActionModule(ActionBase):
    """The action of ``governor_slot``: run the module of the same name, and tell it of the run and its play."""

    _requires_connection = False
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result. The module gets a holder, where it acquires, and ``play``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        known = task_vars or {}
        args = dict(self._task.args)
        # A holder is filled in for an acquisition alone. What to release or evict is chosen by what the task says.
        if (args.get("state") or "acquired") == "acquired" and not args.get("holder"):
            args["holder"] = known.get("inventory_hostname")
        run_id, host = run_and_host(self._task, known, args.get("run_id"))
        args["play"] = {"run_id": run_id, "host": host, **play_facts(self._task, known)}
        result.update(
            self._execute_module(
                "jetstream.governor.governor_slot",
                module_args=args,
                task_vars=task_vars,
                wrap_async=bool(self._task.async_val),
            )
        )
        return result
