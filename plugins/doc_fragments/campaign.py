# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How to campaign for a slot: what governor_slot and governed share."""

    DOCUMENTATION = r"""
options:
  governor:
    description: Name of the governor.
    type: str
    required: true
  holder:
    description: Who holds the slot, for people to read. C(inventory_hostname) by default, where a slot is taken.
    type: str
  run_id:
    description:
      - The run that owns the slot and may release it. By default V(awx-<job id>@<controller>), from C(awx_job_id) and
        the environment variable C(AWX_HOST), where there is such a job, else an id of this C(ansible-playbook) process.
        Each host of such a run owns its own slots, unless the task has C(run_once).
      - A run id that is given owns its slots as a whole, whatever host and run the task is of. Set it to let one job
        acquire a slot and another release it.
    type: str
  interval:
    description:
      - How often a waiter looks at the governor, V(5s) by default, where the governor has a queue (see
        O(jetstream.governor.governor_stream#module:queue)). JetStream tells it when it is its turn; looking finds slots
        that expired, and those that Go clients have left. With more than 25 in the queue, each looks less often.
      - Without a queue it is how long to wait between tries, V(250ms) by default.
      - On average; it varies from 50 to 150 %.
    type: str
  backoff:
    description:
      - Without a queue, instead of O(interval), waits that grow. A policy of Choria by name, V(FiveSecStartGrace),
        V(FiveSec), V(TwentySec) or V(Default), or a list of milliseconds of which the last is repeated.
    type: list
    elements: str
"""
