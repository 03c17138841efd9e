#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is the documentation. The action plugin of the same name does the work, on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: governed
short_description: Run a task while holding a slot of a governor, or of several
version_added: 0.1.0
description:
  - Waits for a slot, runs another task in its own place, and releases the slot. However many hosts, runs and
    controllers do so, no more than the governor's limit work at once.
  - Of several governors it waits for a slot of each, and holds all of them while it works. They are acquired in one
    order, which is the same for everybody, the governor with the smaller limit first, then by name. So no two hosts
    wait for each other. See O(governor).
  - It is one task, so it cannot deadlock, whatever the strategy, the number of forks and C(serial). Where its run holds
    a slot of the governor for its host already, acquired with M(jetstream.governor.governor_slot), it fails at once,
    since it could wait for itself. It does not fail so where O(run_id) is given, or with O(release=never).
  - It runs on the controller. Managed hosts need neither C(nats-py) nor access to NATS.
  - The governor must exist; M(jetstream.governor.governor_stream) creates it.
  - The slot is released when the work has ended, also when it failed, when its host became unreachable, when its
    C(timeout) was over, and when C(ansible-playbook) was stopped with Ctrl-C or SIGTERM. When C(ansible-playbook) is
    killed, work that has begun goes on to its end and its slot is released; work that waits for a slot never begins.
  - The slot lives as long as its holder. While the work goes on, however long that takes, a small process beside
    C(ansible-playbook), the keeper of the run, renews the lease of the slot. When the process that works is killed, the
    keeper ends what that one has begun on the controller, and releases the slot within about a second. When the keeper
    is killed too, or the whole machine or container dies, the lease runs out, and those who wait find that out within
    100 seconds.
  - A slot has a lease where the governor has leases, O(release=always), and no O(run_id) is given; RV(slot.lease)
    tells. Any other slot is ended by C(max_age) where nobody releases it.
  - What runs under the slot finds the name of the governor and the sequence of the slot in its environment, in
    E(GOVERNOR_NAME) and E(GOVERNOR_SEQ). The sequence serves as a fencing token; see
    RV(jetstream.governor.governor_slot#module:slot.seq). Of several slots, each of the two variables is a list
    separated by blanks, in the order of O(governor). Check mode sets neither.
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
      - A governor that does not exist gives a warning, since an earlier task may create it. A server that cannot be
        reached fails the task, as in a real run.
  diff_mode:
    support: full
    details: The task inside shows what it changes.
  idempotent:
    support: N/A
    details: It depends on the task inside.
options:
  governor:
    description:
      - The name of the governor, or a list of governors, in each of which the task needs a slot. Each of a list is a
        name, or a mapping with a C(name), and with a C(release) that takes the place of O(release) for its slot.
      - All governors must exist; this is checked before the first slot is acquired. No governor may be named twice.
      - In which order they are named makes no difference to the wait. Slots are acquired in the order of the limits as
        they are then, the smaller one first, and by name where they are equal. A slot of the narrow governor that is
        held while the wide one is waited for keeps only those from working who could not work anyway.
      - When a slot cannot be had, those that were acquired before are given back, and the error tells of them.
      - When a limit is changed during the wait so that the order is another one, the task finds out within seconds. It
        gives back what it holds too early, keeps its place in the queue in which it waits, and acquires the rest anew.
      - A governed task may be inside another one. Then the governor of the one outside must come first in this order;
        otherwise the task is refused before it waits. Where the order is changed after that, the wait inside ends with
        an error after a minute, since slots outside cannot be given back while work goes on under them.
    type: raw
    required: true
  task:
    description:
      - The task to run under the slot, in Ansible's own syntax. It can be of any module or action, also in free form.
      - Keywords of a task (C(when), C(become), C(loop), C(register), C(vars) and the like) belong on the task around
        it, and act as they do on the bare task.
      - It is templated before the wait.
      - It cannot be C(include_*), C(import_*), C(meta) or C(add_host), which the strategy does itself.
      - With ansible-core before 2.21 it cannot be M(ansible.builtin.set_fact) or M(ansible.builtin.include_vars), since
        what they set would not override other variables there as it does when they stand alone.
    type: dict
  tasks:
    description:
      - Several tasks like O(task), which run in order under the same slot until one fails. Each may have a C(name).
      - What one returns cannot be used in the arguments of the next, since all are templated before the wait. The facts
        that it sets can be used where later ones look at variables themselves, as in a file of
        M(ansible.builtin.template), or in O(ansible.builtin.assert#module:that).
      - When a task ends, a line on stderr tells of it.
      - The facts, statistics, groups, differences, warnings and deprecations of each task count as if it stood alone.
        When one fails, ansible-core keeps none of the facts, statistics and, before 2.21, groups that the tasks before
        it have set.
      - All M(ansible.builtin.set_stats) must have the same C(per_host) and C(aggregate). With ansible-core before 2.21
        at most one can be M(ansible.builtin.group_by).
    type: list
    elements: dict
  wait_timeout:
    description:
      - How long to wait for a slot, or for those of all governors together, like V(20m). V(forever) waits without an
        end, as Ansible's own C(throttle) does, and V(0) tries once.
      - It goes on while the governor is paused (see O(jetstream.governor.governor_stream#module:paused)).
      - The C(timeout) of the task includes the wait.
    type: str
    default: forever
  on_timeout:
    description: Whether to V(fail) or to V(skip) the task when there was no slot within O(wait_timeout).
    type: str
    choices: [fail, skip]
    default: fail
  release:
    description:
      - When to release the slot, of each O(governor) that has no C(release) of its own. V(always) releases it when the
        work has ended.
      - V(on_success) lets a host that failed keep its slot until somebody evicts it or C(max_age) ends it, so that a
        bad change stops the roll-out by itself. A retry of the task (C(until)) works under the slot that was kept, and
        releases it when it succeeds. Further items of a C(loop) work under it as well, and do not release it.
      - V(never) leaves every slot to C(max_age), so that the limit is how many may work per C(max_age). A governor
        without C(max_age) is refused.
      - The slot is released before C(failed_when) is looked at, so that its verdict does not count here.
    type: str
    choices: [always, on_success, never]
    default: always
  on_lost:
    description:
      - What to do when the slot was lost during the work, because it was evicted or had expired, or because the
        governor was deleted.
      - V(warn) warns, V(fail) fails the task when the work has ended. RV(slot.lost) tells of it in any case.
      - V(stop) ends what the work has begun on the controller as soon as the keeper of the run finds out, and fails the
        task. What it has begun on other hosts may go on. The keeper looks every third of the lease, or every 10 seconds
        without one. It also takes a slot for lost that no server has renewed for as long as the lease, though nobody
        takes it away while all servers are gone.
    type: str
    choices: [warn, fail, stop]
    default: warn
notes:
  - When a variable in O(task) is not defined, the error names O(task), not the module inside.
  - With ansible-core before 2.19, SIGTERM ends C(ansible-playbook) alone. Work that has begun goes on to its end, and
    its slot is released; work that waits for a slot never begins.
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

- name: Upgrade in several tasks under one slot
  jetstream.governor.governed:
    governor: db-restarts
    wait_timeout: 20m
    tasks:
      - name: Drain
        ansible.builtin.command:
          cmd: /bin/true
      - name: Upgrade
        ansible.builtin.command: /bin/true
      - name: Check that it is back
        ansible.builtin.ping:

- name: Change, and let a host that failed keep its slot, so that a bad change stops by itself
  jetstream.governor.governed:
    governor: db-restarts
    release: on_success
    task:
      ansible.builtin.command: /bin/true

- name: Restart, five databases at a time, and one in each rack
  jetstream.governor.governed:
    governor:
      - db-restarts
      - "rack-{{ rack }}"
    task:
      ansible.builtin.command: /bin/true

- name: Restart, three at a time, and ten an hour at most
  jetstream.governor.governed:
    governor:
      - name: db-three
      - name: db-per-hour
        release: never
    task:
      ansible.builtin.command: /bin/true
"""

RETURN = r"""
slots:
  description:
    - The slots, one for each O(governor), in that order. RV(slot) tells what is known of each.
  returned: always, except for a task that is refused for how it is written, and one that its C(timeout) has ended
  type: list
  elements: dict
  sample:
    - {governor: db-restarts, holder: db01, seq: 1795510800000042, waited: 12.345, held: 4.567, released: true}
    - {governor: rack-r1, holder: db01, seq: 1795510800000007, waited: 0.012, held: 16.923, released: true}
slot:
  description:
    - The slot, always with the same keys. What is not known or does not apply is null. What the task inside has
      returned stands beside the slot.
    - In check mode, and when the task fails before it waits, only the governor, the holder, the action and the
      priority are known. When one of RV(slots) could not be had, the others tell for how long they were held, and that
      they were released.
  returned: as RV(slots), where there is exactly one
  type: dict
  contains:
    governor:
      description: The name of the governor.
      type: str
      sample: db-restarts
    holder:
      description: Who held the slot.
      type: str
      sample: db01
    action:
      description: The full name of the action that ran under it. Null with O(tasks), where each of RV(results) has one.
      type: str
      sample: ansible.builtin.command
    priority:
      description: The priority with which the slot was waited for.
      type: str
      sample: normal
    seq:
      description:
        - The sequence of the slot.
        - Later slots have larger sequences, and none is used twice; see
          RV(jetstream.governor.governor_slot#module:slot.seq).
      type: int
      sample: 1795510800000042
    lease:
      description:
        - For how many seconds the slot outlives its holder before others may take it for dead; null for a slot that
          C(max_age) alone ends.
      type: float
      sample: 60.0
    waited:
      description: How many seconds were waited for the slot.
      type: float
      sample: 12.345
    waited_by:
      description: How the slot was waited for, in the V(queue) or by V(polling); null when a slot was free at once.
      type: str
      sample: queue
    attempts:
      description: How many times it was tried to acquire a slot.
      type: int
      sample: 3
    held:
      description: How many seconds the slot was held.
      type: float
      sample: 4.567
    released:
      description: Whether the slot was released.
      type: bool
      sample: true
    lost:
      description:
        - Whether the slot was lost during the work. It is known where the slot was to be released, and with
          O(on_lost=stop).
      type: bool
      sample: false
    active:
      description: How many slots of the governor were held.
      returned: after a wait in vain
      type: int
      sample: 5
    limit:
      description: How many slots the governor has.
      returned: after a wait in vain
      type: int
      sample: 5
    paused:
      description: Whether the governor was paused when the time to wait was over.
      returned: after a wait in vain
      type: bool
      sample: false
    holders:
      description: At most five of those who held slots, those who held them longest first. C(age) is in seconds.
      returned: after a wait in vain
      type: list
      elements: dict
      sample: [{holder: db02, seq: 1795510800000041, age: 63.2}]
    msg:
      description: What became of the slot, for people to read.
      returned: when it was lost
      type: str
      sample: The slot of db01 in governor 'db-restarts' was lost while it worked.
results:
  description:
    - What each of O(tasks) has returned that was run, in order. C(task) is its name, C(action) the full name of its
      action.
  returned: with O(tasks)
  type: list
  elements: dict
  sample: [{task: Drain, action: ansible.builtin.command, changed: true, rc: 0}]
"""
