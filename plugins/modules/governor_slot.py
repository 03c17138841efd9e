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
  - A holder acquires a slot, waiting until there is one, works in the tasks that follow, and releases it. However many
    hosts, runs and controllers do so, no more than the governor's limit work at once.
  - The governor must exist; M(jetstream.governor.governor_stream) creates it.
  - A slot belongs to its owner, a host of a run. Where the task has C(run_once), and where O(run_id) is given, it is
    the whole run's. Taking it again for the same owner and O(holder) changes nothing. The holder is for people to read.
  - When a slot is never released, O(governor) lets so many holders through per C(max_age) of the governor. That is a
    supported use, for example for at most ten reports per hour.
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
    details: It fills in the O(holder) of who acquires a slot, and tells the module of the run, its play and host.
  check_mode:
    support: full
    details:
      - Check mode acquires no slot and does not wait.
      - It foretells that a full governor is left by somebody in time, unless O(wait_timeout=0).
      - A governor that does not exist is taken for one that an earlier task of the play creates, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(acquired) acquires a slot, unless this owner has one already under this O(holder).
      - V(released) releases what this owner holds, or all that the run holds whose O(run_id) is given. Where
        O(holder) or O(seq) is given, it releases that alone, and refuses a O(seq) that is somebody else's. Where
        nothing is held under a O(holder) or O(run_id) that is given, it warns, and says who holds slots.
      - V(evicted) removes slots, whoever owns them. It needs O(seq), O(holder) or O(run_id), and a slot must have all
        that are given. Their holders do not learn of it.
    type: str
    choices: [acquired, released, evicted]
    default: acquired
  seq:
    description: Sequence of the slot to release or evict, as returned in RV(slot).
    type: int
  wait_timeout:
    description:
      - How long to wait for a slot, V(forever) without an end, V(0) to try once.
      - The C(timeout) of the task counts the wait too.
    type: str
    default: 5m
  on_timeout:
    description:
      - What to do when no slot came within O(wait_timeout).
      - V(fail) fails, V(continue) goes on with RV(acquired=false).
    type: str
    choices: [fail, continue]
    default: fail
  guard:
    description:
      - Acquiring a slot in one task and releasing it in another can deadlock, for example under the default strategy
        when the batch has more hosts than the governor has slots.
      - V(fail) fails before it waits where the play could not end, for all hosts of the batch alike, and warns where it
        depends on other runs. V(warn) warns in both cases, V(off) is silent.
    type: str
    choices: ['fail', 'warn', 'off']
    default: fail
  play:
    description:
      - What the module needs to know of the run and its play. The action plugin fills it in; it is not to be set.
    type: dict
    suboptions:
      run_id:
        description: The run whose slot it is.
        type: str
        required: true
      host:
        description: The host whose slot it is; empty for the whole run.
        type: str
        required: true
      strategy:
        description: The strategy's name.
        type: str
        required: true
      batch:
        description: How many hosts the batch of the play began with.
        type: int
        required: true
      forks:
        description: How many hosts ansible-playbook works on at once.
        type: int
        required: true
      throttle:
        description: The task's throttle; 0 for none.
        type: int
        required: true
seealso:
  - module: jetstream.governor.governor_stream
  - module: jetstream.governor.governor_info
"""

EXAMPLES = r"""
# In a play with "strategy: host_pinned" or "serial: 1", where taking and releasing in two tasks is safe.
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

- name: Do it only if there is room within ten seconds
  jetstream.governor.governor_slot:
    governor: db-restarts
    holder: nightly
    wait_timeout: 10s
    on_timeout: continue
  delegate_to: localhost
  run_once: true
  register: room

- name: Evict whatever a host holds that has died
  jetstream.governor.governor_slot:
    governor: db-restarts
    state: evicted
    holder: db07
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
acquired:
  description: Whether this owner holds a slot now; false also after it was released.
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
      description: Its stream.
      type: str
      sample: GOVERNOR_db-restarts
    seq:
      description:
        - Sequence of the slot; null in check mode.
        - Later slots have larger ones, and none is used twice, also when the governor is deleted and made anew, so
          that it serves as a fencing token. Governors that other tools made, or that were made on servers before
          2.11.2, count from 1 each time.
      type: int
      sample: 1795510800000042
    holder:
      description: Who holds it.
      type: str
      sample: db01
    run_id:
      description: The run that may release it.
      type: str
      sample: ctl1-4711x8f3k2
    host:
      description: The host of that run which may; null where the slot is the whole run's.
      type: str
      sample: db01
    acquired_at:
      description: Since when (UTC, by the server's clock).
      type: str
      sample: '2026-11-24T09:30:12.345Z'
    expires_at:
      description: When C(max_age) ends it (UTC); null for never.
      type: str
      sample: '2026-11-24T10:00:12.345Z'
waited:
  description: Seconds waited.
  returned: when O(state=acquired)
  type: float
  sample: 12.345
waited_by:
  description: How was waited, V(queue) or V(polling); null when a slot was free at once.
  returned: when O(state=acquired)
  type: str
  sample: queue
attempts:
  description: How many times entering was tried.
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
holders:
  description: Who had held slots for longest when the time to wait was over, five at most, oldest first.
  returned: on a timeout
  type: list
  elements: dict
  sample: [{holder: db03, seq: 1795510800000040, age: 41.2}]
released:
  description: The slots that were released, or would be (check mode). C(held) is for how many seconds.
  returned: when O(state=released)
  type: list
  elements: dict
  sample: [{seq: 1795510800000042, holder: db01, run_id: ctl1-4711x8f3k2, host: db01, held: 41.234}]
evicted:
  description: The slots that were evicted, or would be (check mode), described in the same way.
  returned: when O(state=evicted)
  type: list
  elements: dict
  sample: [{seq: 1795510800000043, holder: db07, run_id: ctl1-4711x8f3k2, host: db07, held: 1207.5}]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.campaign_options import campaign_options
from ..module_utils.connection_options import CONNECTION_OPTIONS
from ..module_utils.runner import run
from ..module_utils.slots import acquire, carry_out, evict, release


def main() -> None:
    """Acquire, release or evict slots, as the task asks for."""
    module = AnsibleModule(
        argument_spec={
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
                },
            },
            **CONNECTION_OPTIONS,
        },
        supports_check_mode=True,
    )
    states = {"acquired": acquire, "released": release, "evicted": evict}
    run(module, partial(carry_out, states[module.params["state"]], module))


if __name__ == "__main__":
    main()
