# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options for a campaign, which governor_slot and governed share."""

    DOCUMENTATION = r"""
options:
  governor:
    description: The name of the governor.
    type: str
    required: true
  holder:
    description: Who holds the slot, for people to read. C(inventory_hostname) by default, where a slot is acquired.
    type: str
  run_id:
    description:
      - The run that owns the slot, and may release it. By default it is an id of this C(ansible-playbook) process, and
        in an AWX job V(awx-<job id>@<controller>), from C(awx_job_id) and the environment variable C(AWX_HOST). Each
        host of such a run owns its own slots, unless the task has C(run_once).
      - When it is given, the run as a whole owns the slot, whatever host and run the task is of. So one job can acquire
        a slot and another release it. Such a slot outlives the C(ansible-playbook) process that has acquired it, so it
        has no lease, and C(max_age) ends it where no job releases it.
    type: str
  interval:
    description:
      - How often a waiter in the queue looks at the governor (see O(jetstream.governor.governor_stream#module:queue)),
        every V(5s) by default. JetStream calls the waiter when it is its turn. Looking finds slots that have expired,
        and those that Go clients have released. With more than 25 in the queue, each of them looks less often.
      - Without a queue it is the time between two tries, V(250ms) by default.
      - This is an average. The time varies from 50 to 150 % of it.
    type: str
  backoff:
    description:
      - Times between tries that grow, without a queue, instead of O(interval). It is the name of one of Choria's
        policies, V(FiveSecStartGrace), V(FiveSec), V(TwentySec) or V(Default), or a list of milliseconds of which the
        last is repeated.
    type: list
    elements: str
  priority:
    description:
      - How urgent the task is. Of those who wait in the queue, the more urgent are called first, and those who are as
        urgent in the order in which they came. Who holds a slot keeps it, however urgent others are.
      - It has an effect where JetStream knows priorities (nats-server 2.12 and newer) and the governor has a queue. A
        priority other than V(normal) that has no effect gives a warning, unless O(wait_timeout=0).
    type: str
    choices: [urgent, high, normal, low]
    default: normal
  ageing:
    description:
      - After how long a waiter rises one step, for example from V(low) to V(normal), and after the same time once more,
        so that nobody waits for ever while others keep coming. At least V(100ms).
      - Who rises comes behind those who are as urgent already. So those who were given the same O(priority) and
        O(ageing) keep their order.
    type: str
    default: 10m
"""
