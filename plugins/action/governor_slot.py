# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let the module ``governor_slot`` know what only the controller knows, and have the slot renewed that it acquires."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.core.names import Owner
from ..plugin_utils._adoption import Adoption
from ..plugin_utils._play import environment_here, play_facts, process_of_run, run_and_host


class ActionModule(ActionBase):
    """The action of ``governor_slot``: run the module of the same name, and tell it of the run and its play."""

    _requires_connection = False
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result. The module gets a holder, where it acquires, and ``play``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        known = task_vars or {}
        args = dict(self._task.args)
        acquires = (args.get("state") or "acquired") == "acquired"
        # A holder is filled in for an acquisition alone. What to release or evict is chosen by what the task says.
        if acquires and not args.get("holder"):
            args["holder"] = known.get("inventory_hostname")
        run_id, host = run_and_host(self._task, known, args.get("run_id"))
        args["play"] = {"run_id": run_id, "host": host, **play_facts(self._task, known)}
        is_local = self._connection.transport == "local"
        # A job in the background goes on when ansible-playbook has ended.
        if acquires and not self._task.async_val and is_local:
            args["play"]["process"] = process_of_run()
        # Under a run id that is given, the slot is to outlive the run.
        if not acquires or args.get("run_id") or self._task.check_mode:
            return {**result, **self._run_module(args, task_vars)}
        reads_files = is_local and not self._connection.become
        with Adoption(args, environment_here(self), Owner(run_id, host, str(args["holder"])), reads_files) as adoption:
            # A job in the background goes on when this is over, and cannot tell then which slot to renew.
            if not self._task.async_val:
                args["play"].update(adoption.told)
            return {**result, **adoption.adopt(self._run_module(args, task_vars))}

    def _run_module(self, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        ran: dict[str, Any] = self._execute_module(
            "jetstream.governor.governor_slot",
            module_args=args,
            task_vars=task_vars,
            wrap_async=bool(self._task.async_val),
        )
        return ran
