# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: slots
type: aggregate
short_description: Show the slots of a run, and release what it still holds
version_added: 0.1.0
description:
  - Shows a table when C(ansible-playbook) ends, of every slot that the run took or waited for with
    M(jetstream.governor.governed) and M(jetstream.governor.governor_slot), for how long it waited and for how long it
    held it.
  - Releases the slots that M(jetstream.governor.governor_slot) took and no task released, for example because the
    host became unreachable, which no C(always) section survives, or because the run was stopped with Ctrl-C or SIGTERM.
    Each is named in a line.
  - What M(jetstream.governor.governed) left on purpose, by its option C(release), stays. So does what was taken with an
    explicit C(run_id), which lets another job release it.
author:
  - The jetstream.governor team (@jetstream)
options:
  release_leftovers:
    description: Whether to release what the run still holds when it ends.
    type: bool
    default: true
    env:
      - name: ANSIBLE_JETSTREAM_GOVERNOR_RELEASE_LEFTOVERS
    ini:
      - section: jetstream_governor
        key: release_leftovers
requirements:
  - enabled by C(callbacks_enabled = jetstream.governor.slots) in C(ansible.cfg)
  - nats-py >= 2.9.0 where C(ansible-playbook) runs, and access to NATS from there, to release slots
notes:
  - It connects as the task did that acquired the slot. When NATS cannot be reached, it warns within a few seconds, and
    C(max_age) of the governor ends the slot.
  - On SIGTERM the workers of C(ansible-playbook) are ended before slots are released. Work that they have begun may
    go on, on other hosts, and with ansible-core before 2.19 also on the controller.
  - When C(ansible-playbook) is killed with SIGKILL nothing can be released, and C(max_age) ends the slots.
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
# db-restarts  db03  Acquire a slot  0.0s    12s, released at the end
"""

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from ansible.plugins.callback import CallbackBase

from ..module_utils.secrecy import redact
from ..plugin_utils.ledger import Event, Ledger
from ..plugin_utils.play import run_id

# How long workers that were told to end may take; a governed task releases its slot in this time.
_WORKERS_END_WITHIN = 2.0


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "jetstream.governor.slots"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._ledger = Ledger()
        self._done = False
        # Workers are forks of this process, and inherit what follows.
        self._pid = os.getpid()
        atexit.register(self._at_exit)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, self._on_term)

    # -- what happens

    def v2_playbook_on_play_start(self, play: Any) -> None:
        # AWX tells the number of its job in an extra variable.
        self._ledger.know(run_id(play.get_variable_manager().extra_vars))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._ledger.begin(str(host.name), str(task._uuid), _action(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ended(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        self._ended(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ended(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._ended(result, skipped=True)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._record(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._record(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._record(result, skipped=True)

    def v2_runner_retry(self, result: Any) -> None:
        self._record(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002
        self._give_back()
        if self._ledger.rows:
            self._display.banner("SLOTS")
            for line in self._ledger.table():
                self._display.display(line)

    # -- how it ends

    def _at_exit(self) -> None:
        # A second Ctrl-C says that somebody does not want to wait.
        with contextlib.suppress(KeyboardInterrupt):
            self._give_back()

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._pid and not self._done:
            _end_workers()
            self._give_back()
            # What ends by a signal does not do so.
            sys.stdout.flush()
            sys.stderr.flush()
        # Now what would have been done without all this.
        signal.signal(number, self._before)
        if callable(self._before):
            self._before(number, frame)
        else:
            os.kill(os.getpid(), number)

    def _give_back(self) -> None:
        if self._done or os.getpid() != self._pid:
            return
        self._done = True
        if not self.get_option("release_leftovers"):  # type: ignore[no-untyped-call]  # ansible-core has no types for it
            return
        try:
            from ..plugin_utils.release_leftovers import release_leftovers

            release_leftovers(self._ledger, self._display.display, self._display.warning)
        except Exception as exc:  # noqa: BLE001  # the end of a run is no place for a traceback
            self._display.warning(f"Slots may be held until max_age ends them: {redact(str(exc))}")

    # -- what is known

    def _ended(self, result: Any, skipped: bool = False) -> None:
        host, task = _of(result, "host"), _of(result, "task")
        self._ledger.end(str(host.name), str(task._uuid))
        self._record(result, skipped)

    def _record(self, result: Any, skipped: bool = False) -> None:
        host, task = _of(result, "host"), _of(result, "task")
        if task.check_mode:
            return
        name = " ".join(str(task.get_name()).split())
        told = _of(result, "result")
        self._ledger.record(Event(_action(task), str(host.name), name, task.args, told, _environment(task), skipped))


def _of(result: Any, name: str) -> Any:
    """Of a task's result; ansible-core has public names for it since 2.19."""
    return getattr(result, name) if hasattr(type(result), name) else getattr(result, f"_{name}")


def _action(task: Any) -> str:
    return str(getattr(task, "resolved_action", None) or task.action)


def _environment(task: Any) -> dict[str, str]:
    """As it was for the task, templated. ansible-core puts those of the blocks around before it."""
    environments = task.environment if isinstance(task.environment, list) else [task.environment]
    return environments[-1] if environments and isinstance(environments[-1], dict) else {}


def _end_workers() -> None:
    """Before their slots are released. What they have begun on other hosts may go on."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + _WORKERS_END_WITHIN
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
