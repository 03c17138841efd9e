#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: governor_slot
short_description: Acquire, release and evict slots of a governor
version_added: 0.1.0
description:
  - A holder acquires a slot, for which it waits if need be, works in the tasks that follow, and releases it. However
    many hosts, runs and controllers do so, no more than the governor's limit work at once.
  - The governor must exist; M(jetstream.governor.governor_stream) creates it.
  - A slot belongs to its owner, which is a host of a run. Where the task has C(run_once), and where O(run_id) is given,
    the owner is the run as a whole. Acquiring a slot again for the same owner and O(holder) changes nothing. The holder
    is for people to read.
  - While the run goes on, a small process beside C(ansible-playbook), the keeper of the run, renews the lease of the
    slot. When C(ansible-playbook) is gone, however it went, the keeper releases all that the run still holds. When the
    keeper is killed too, the lease runs out, and those who wait find that out within 100 seconds.
  - A slot has a lease where the governor has leases and the controller reaches the same governor by the options of the
    task. It has none where O(run_id) is given, since it is to outlive the run then, and none with C(async).
    RV(slot.lease) tells. Where the controller does not reach the governor, nor the lease, only C(max_age) ends what no
    task releases.
  - When slots are never released, so many holders get one per C(max_age) of the governor. That is a supported use, for
    example for at most ten reports per hour.
author:
  - The jetstream.governor team (@jetstream)
extends_documentation_fragment:
  - jetstream.governor.campaign
  - jetstream.governor.connection
  - jetstream.governor.connection.target
  - jetstream.governor.attributes
  - jetstream.governor.attributes.action
attributes:
  action:
    details: It fills in the O(holder) for an acquisition, and tells the module which run, play and host the task is of.
  check_mode:
    support: full
    details:
      - Check mode acquires no slot and does not wait.
      - It assumes that somebody releases a slot of a full governor in time, or resumes a paused one, unless
        O(wait_timeout=0).
      - A governor that does not exist gives a warning and is assumed to be empty, since an earlier task may create it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  governor:
    description:
      - The name of the governor. Slots of several governors are best acquired together, with
        M(jetstream.governor.governed) or the role C(jetstream.governor.under_slot). Where tasks of this module acquire
        them one after the other, all must do that in one order, the governor with the smaller limit first, then by
        name; otherwise two hosts can wait for each other for ever.
    type: str
    required: true
  state:
    description:
      - V(acquired) acquires a slot, unless this owner has one already under this O(holder).
      - V(released) releases what this owner holds, or all that the run holds whose O(run_id) is given. Where O(holder)
        or O(seq) is given, it releases that slot alone, and refuses a O(seq) that is somebody else's. Where nothing is
        held under a O(holder) or O(run_id) that is given, it warns, and says who holds slots.
      - V(evicted) takes slots away, whoever owns them. It needs O(seq), O(holder) or O(run_id), and evicts the slots
        that have all of those that are given. Their holders do not learn of it.
    type: str
    choices: [acquired, released, evicted]
    default: acquired
  seq:
    description: The sequence of the slot to release or evict, as returned in RV(slot.seq).
    type: int
  wait_timeout:
    description:
      - How long to wait for a slot. V(forever) waits without an end, V(0) tries once.
      - It goes on while the governor is paused (see O(jetstream.governor.governor_stream#module:paused)).
      - The C(timeout) of the task includes the wait.
    type: str
    default: 5m
  on_timeout:
    description:
      - What to do when there was no slot within O(wait_timeout).
      - V(fail) fails the task, V(continue) goes on with RV(acquired=false).
    type: str
    choices: [fail, continue]
    default: fail
  guard:
    description:
      - Acquiring a slot in one task and releasing it in another can deadlock, for example under the default strategy
        when the batch has more hosts than the governor has slots.
      - V(fail) fails the task before the wait where the play could not come to its end, for all hosts of the batch
        alike, and warns where that depends on other runs. V(warn) warns in both cases, V(off) says nothing.
    type: str
    choices: ['fail', 'warn', 'off']
    default: fail
  play:
    description:
      - What the module needs to know of the run and its play. The action plugin sets it, and overrides what is given.
    type: dict
    suboptions:
      run_id:
        description: The run that owns the slot.
        type: str
        required: true
      host:
        description: The host of the run that owns the slot; empty where the run as a whole does.
        type: str
        required: true
      strategy:
        description: The name of the play's strategy.
        type: str
        required: true
      batch:
        description: How many hosts the batch of the play began with.
        type: int
        required: true
      forks:
        description: On how many hosts ansible-playbook works at once.
        type: int
        required: true
      throttle:
        description: The C(throttle) of the task; V(0) for none.
        type: int
        required: true
      process:
        description:
          - The id of C(ansible-playbook), where the module runs beside it. When that is gone, nobody would work under
            the slot, so the module waits no longer.
        type: int
      kept:
        description: When the governor was created whose slots the keeper of the run can renew, where it can.
        type: str
      kept_in:
        description: A file in which the module finds that, where it runs beside C(ansible-playbook).
        type: str
seealso:
  - module: jetstream.governor.governor_stream
  - module: jetstream.governor.governor_info
"""

EXAMPLES = r"""
# In a play with "strategy: host_pinned" or "serial: 1", where it is safe to acquire and release in two tasks.
- name: Upgrade under a slot
  block:
    - name: Acquire a slot
      jetstream.governor.governor_slot:
        governor: db-restarts
      delegate_to: localhost

    - name: Work
      ansible.builtin.command: /bin/true
      changed_when: true
  always:
    - name: Release the slot
      jetstream.governor.governor_slot:
        governor: db-restarts
        state: released
      delegate_to: localhost

- name: Acquire a slot only if there is one within ten seconds
  jetstream.governor.governor_slot:
    governor: db-restarts
    holder: nightly
    wait_timeout: 10s
    on_timeout: continue
  delegate_to: localhost
  run_once: true
  register: room

- name: Evict a host that has died
  jetstream.governor.governor_slot:
    governor: db-restarts
    state: evicted
    holder: db07
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
acquired:
  description: Whether this owner holds a slot now. It is V(false) with O(state=released) and O(state=evicted).
  returned: always
  type: bool
  sample: true
slot:
  description: The slot that is held.
  returned: when a slot was acquired
  type: dict
  contains:
    governor:
      description: Name of the governor.
      type: str
      sample: db-restarts
    stream:
      description: The JetStream stream of the governor.
      type: str
      sample: GOVERNOR_db-restarts
    seq:
      description:
        - The sequence of the slot; null in check mode.
        - Later slots have larger sequences, and none is used twice, also when the governor is deleted and created anew,
          so that a sequence serves as a fencing token. Governors that other tools have created, or that were created on
          servers older than 2.11.2, count from 1 each time.
      type: int
      sample: 1795510800000042
    holder:
      description: Who holds the slot.
      type: str
      sample: db01
    run_id:
      description: The run that owns the slot, and may release it.
      type: str
      sample: ctl1-4711x8f3k2
    host:
      description: The host of that run that owns the slot; null where the run as a whole does.
      type: str
      sample: db01
    acquired_at:
      description: When the slot was acquired (UTC, by the server's clock); null in check mode.
      type: str
      sample: '2026-11-24T09:30:12.345Z'
    expires_at:
      description: When C(max_age) ends the slot (UTC); null for never, and in check mode.
      type: str
      sample: '2026-11-24T10:00:12.345Z'
    lease:
      description:
        - For how many seconds the slot outlives the run before others may take it for dead; null for a slot that
          C(max_age) alone ends, and in check mode.
      type: float
      sample: 60.0
waited:
  description: How many seconds were waited.
  returned: when O(state=acquired)
  type: float
  sample: 12.345
waited_by:
  description: How the slot was waited for, in the V(queue) or by V(polling); null when a slot was free at once.
  returned: when O(state=acquired)
  type: str
  sample: queue
attempts:
  description: How many times it was tried to acquire a slot.
  returned: when O(state=acquired)
  type: int
  sample: 3
active:
  description: How many slots of the governor are held now.
  returned: when the governor could be read
  type: int
  sample: 4
limit:
  description: How many slots the governor has; null in check mode where it does not exist yet.
  returned: when the governor could be read
  type: int
  sample: 5
paused:
  description: Whether the governor was paused when the time to wait was over.
  returned: on a timeout
  type: bool
  sample: false
holders:
  description: At most five of those who held slots when the time to wait was over, those who held them longest first.
  returned: on a timeout
  type: list
  elements: dict
  sample: [{holder: db03, seq: 1795510800000040, age: 41.2}]
released:
  description: The slots that were released, or would be (check mode). C(held) is for how many seconds each was held.
  returned: when O(state=released)
  type: list
  elements: dict
  sample: [{seq: 1795510800000042, holder: db01, run_id: ctl1-4711x8f3k2, host: db01, held: 41.234}]
evicted:
  description: The slots that were evicted, or would be (check mode), described as in RV(released).
  returned: when O(state=evicted)
  type: list
  elements: dict
  sample: [{seq: 1795510800000043, holder: db07, run_id: ctl1-4711x8f3k2, host: db07, held: 1207.5}]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._campaign_options import campaign_options
from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._runner import run
from ..module_utils._slots import acquire, carry_out, evict, release


def main() -> None:
    """Acquire, release or evict slots, as the task asks for."""
    module = AnsibleModule(
        argument_spec={
            "governor": {"type": "str", "required": True},
            **campaign_options(wait_timeout="5m"),
            "state": {"type": "str", "choices": ["acquired", "released", "evicted"], "default": "acquired"},
            "seq": {"type": "int"},
            "on_timeout": {"type": "str", "choices": ["fail", "continue"], "default": "fail"},
            "guard": {"type": "str", "choices": ["fail", "warn", "off"], "default": "fail"},
            "play": {
                "type": "dict",
                "options": {
                    "run_id": {"type": "str", "required": True},
                    "host": {"type": "str", "required": True},
                    "strategy": {"type": "str", "required": True},
                    "batch": {"type": "int", "required": True},
                    "forks": {"type": "int", "required": True},
                    "throttle": {"type": "int", "required": True},
                    "process": {"type": "int"},
                    "kept": {"type": "str"},
                    "kept_in": {"type": "str"},
                },
            },
            **CONNECTION_OPTIONS,
        },
        supports_check_mode=True,
    )
    states = {"acquired": acquire, "released": release, "evicted": evict}
    process = (module.params["play"] or {}).get("process")
    run(module, partial(carry_out, states[module.params["state"]], module), process)


if __name__ == "__main__":
    main()
