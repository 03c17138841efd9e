#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

# This is the documentation; the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: governed
short_description: Run a task while holding a slot of a governor
version_added: 0.1.0
description:
  - Waits for a slot, runs another task in its own place, and releases the slot. However many hosts, runs and
    controllers do so, no more than the governor's limit work at once.
  - It is one task, so it cannot deadlock, whatever the strategy, the number of forks and C(serial). Where its run holds
    a slot of the governor for its host already, taken with M(jetstream.governor.governor_slot), it fails at once, since
    it could wait for itself. Not with O(run_id), and not with O(release=never).
  - It runs on the controller. Managed hosts need neither C(nats-py) nor access to NATS.
  - The governor must exist; M(jetstream.governor.governor_stream) creates it.
  - The slot is released when the work has ended, also when it failed, when its host became unreachable, when its
    C(timeout) was over, and when C(ansible-playbook) was stopped with Ctrl-C or SIGTERM. When C(ansible-playbook) is
    killed, work that has begun goes on to its end and releases its slot; work that waits is not begun.
author:
  - The jetstream.governor team (@jetstream)
extends_documentation_fragment:
  - jetstream.governor.campaign
  - jetstream.governor.connection
  - jetstream.governor.connection.controller
  - jetstream.governor.attributes
  - jetstream.governor.attributes.action
attributes:
  async:
    support: none
    details: The slot would be released before the job has ended.
  check_mode:
    support: full
    details:
      - Check mode acquires no slot and does not wait. The task inside runs in check mode.
      - A governor that is not there gives a warning, since a task before may be to create it. A server that cannot be
        reached fails the task, as in a real run.
  diff_mode:
    support: full
    details: The task inside shows its own.
  idempotent:
    support: N/A
    details: It depends on the task inside.
options:
  task:
    description:
      - What to run under the slot, a task in Ansible's own syntax. Any module and any action plugin, also in free form.
      - Keywords of a task (C(when), C(become), C(loop), C(register), C(vars) and the like) belong on the task around
        it, and act as they do on the bare task.
      - It is templated before the wait.
      - Not C(include_*), C(import_*), C(meta) and C(add_host), which the strategy does itself.
      - With ansible-core before 2.21 not M(ansible.builtin.set_fact) and M(ansible.builtin.include_vars) either, since
        what they set would not override other variables there as it does when they stand alone.
    type: dict
  tasks:
    description:
      - Several such, run in order under the same slot until one fails. Each may have a C(name).
      - What one returns cannot be used in the arguments of the next, since all are templated before the wait. Facts
        that it sets are seen by those after it where they look at variables themselves, as in a file of
        M(ansible.builtin.template), or in O(ansible.builtin.assert#module:that).
      - A line on stderr tells of each when it ends.
      - Facts, statistics, groups, differences, warnings and deprecations of each count as if it stood alone. When one
        fails, ansible-core keeps none of the facts, statistics and, before 2.21, groups that those before it have set.
      - All M(ansible.builtin.set_stats) must have the same C(per_host) and C(aggregate). With ansible-core before 2.21
        there can be one M(ansible.builtin.group_by).
    type: list
    elements: dict
  wait_timeout:
    description:
      - How long to wait for a slot, like V(20m); V(0) to try once. V(forever) waits as Ansible's own C(throttle) does.
      - The C(timeout) of the task counts the wait too.
    type: str
    default: forever
  on_timeout:
    description: When no slot came within O(wait_timeout), V(fail), or V(skip) the task.
    type: str
    choices: [fail, skip]
    default: fail
  release:
    description:
      - V(always) releases the slot when the work has ended.
      - V(on_success) lets a host that failed keep its slot until somebody evicts it or C(max_age) ends it, so that a
        bad change stops the roll-out by itself. A retry of the task (C(until)) works under the slot that was kept, and
        releases it when it succeeds. Further items of a C(loop) work under it as well, and do not release it.
      - V(never) leaves every slot to C(max_age), so that many may work per period.
      - What C(failed_when) makes of the result is not known yet when the slot is released.
    type: str
    choices: [always, on_success, never]
    default: always
  on_lost:
    description:
      - What to do when the slot was lost while the work was going on, because it was evicted or had expired, or because
        the governor was deleted.
      - V(warn) warns, V(fail) fails the task. RV(slot.lost) tells in both cases.
    type: str
    choices: [warn, fail]
    default: warn
notes:
  - When a variable in O(task) is not defined, the error names O(task), not the module inside.
  - With ansible-core before 2.19, SIGTERM ends C(ansible-playbook) alone. Work that has begun goes on and gives its
    slot back; work that waits is not begun.
seealso:
  - module: jetstream.governor.governor_stream
  - module: jetstream.governor.governor_slot
  - module: jetstream.governor.governor_info
"""

EXAMPLES = r"""
- name: Restart, five databases at a time, whoever started the job
  jetstream.governor.governed:
    governor: db-restarts
    task:
      ansible.builtin.command: /bin/true

- name: Several tasks under one slot
  jetstream.governor.governed:
    governor: db-restarts
    wait_timeout: 20m
    tasks:
      - name: Drain
        ansible.builtin.command:
          cmd: /bin/true
      - name: Upgrade
        ansible.builtin.command: /bin/true
      - name: Look whether it is back
        ansible.builtin.ping:

- name: A host that failed keeps its slot, so that a bad change stops by itself
  jetstream.governor.governed:
    governor: db-restarts
    release: on_success
    task:
      ansible.builtin.command: /bin/true
"""

RETURN = r"""
slot:
  description:
    - The slot, always with the same keys; null is what is not known, or does not apply. Beside it stands what the task
      inside returned.
    - In check mode, and when the task fails before it waits, the governor, the holder and the action alone are known.
  returned: always, but for a task that is refused by how it is written, and one that its C(timeout) ended
  type: dict
  contains:
    governor:
      description: Name of the governor.
      type: str
      sample: db-restarts
    holder:
      description: Who held it.
      type: str
      sample: db01
    action:
      description: Full name of what was run under it. Null with O(tasks), where each of RV(results) has it.
      type: str
      sample: ansible.builtin.command
    seq:
      description:
        - Sequence of the slot.
        - Later slots have larger ones, and none is used twice, see
          RV(jetstream.governor.governor_slot#module:slot.seq).
      type: int
      sample: 1795510800000042
    waited:
      description: Seconds waited for it.
      type: float
      sample: 12.345
    waited_by:
      description: How was waited, V(queue) or V(polling); null when a slot was free at once.
      type: str
      sample: queue
    attempts:
      description: How many times entering was tried.
      type: int
      sample: 3
    held:
      description: Seconds for which it was held.
      type: float
      sample: 4.567
    released:
      description: Whether it was released.
      type: bool
      sample: true
    lost:
      description: Whether it was lost while the work was going on; only where it was to be released.
      type: bool
      sample: false
    active:
      description: How many slots were held.
      returned: after a wait in vain
      type: int
      sample: 5
    limit:
      description: How many can be held.
      returned: after a wait in vain
      type: int
      sample: 5
    holders:
      description: Some of those who held them, the oldest first, each with C(holder), C(seq) and C(age) in seconds.
      returned: after a wait in vain
      type: list
      elements: dict
      sample: [{holder: db02, seq: 1795510800000041, age: 63.2}]
    msg:
      description: What became of it, for people to read.
      returned: when it was lost
      type: str
      sample: The slot of db01 in governor 'db-restarts' was lost while it worked.
results:
  description:
    - What each of O(tasks) that was run returned, in order, with its name in C(task), and in C(action) the full name of
      what was run.
  returned: with O(tasks)
  type: list
  elements: dict
  sample: [{task: Drain, action: ansible.builtin.command, changed: true, rc: 0}]
"""
