#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: governor_stream
short_description: Create, change, delete and reset governors
version_added: 0.1.0
description:
  - A governor is a named cap on how many holders may work at once, anywhere. This module declares one.
  - A governor is a NATS JetStream stream with a maximum number of messages, as Choria's tools create and use it too.
author:
  - The jetstream.governor team (@jetstream)
extends_documentation_fragment:
  - jetstream.governor.connection
  - jetstream.governor.connection.target
  - jetstream.governor.attributes
attributes:
  check_mode:
    support: full
    details: Where a governor would have to exist and does not, a warning says so, since an earlier task may create it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The name of the governor, without blanks, dots, slashes and wildcards, at most 246 bytes long.
    type: str
    required: true
  state:
    description:
      - V(present) creates the governor, or changes what is given and differs. What is not given stays as it is.
      - V(absent) deletes the governor.
      - V(reset) evicts all holders, by removing all entries. The holders do not learn of it.
    type: str
    choices: [present, absent, reset]
    default: present
  limit:
    description:
      - How many may hold a slot at once. It is needed to create a governor.
      - A change takes effect at once. When there are more holders than the new limit, they keep their slots, and nobody
        gets one until enough of them are released.
    type: int
  max_age:
    description:
      - How long a slot is held at most, V(0) for ever. It is V(0) by default, and must be given to create a governor
        with O(lease=false), where nothing else frees the slot of a holder that has died.
      - With O(lease=true) it is needed only for what no lease can end, which is work that hangs, and slots without a
        lease. These are the slots of Choria's Go clients, slots with a C(run_id), which are to outlive their run, and
        slots that are kept on purpose (C(release) other than V(always)).
      - It must be longer than the longest work, whose slot it would end too.
      - A change also applies to slots that are held already.
    type: str
  replicas:
    description: On how many servers of the cluster the entries are kept, V(1) to V(5). It is V(1) by default.
    type: int
  subject:
    description: The subject on which holders campaign for a slot. It is V($GOVERNOR.campaign.<name>) by default.
    type: str
  collective:
    description:
      - A collective of Choria. The subject is then V(<collective>.governor.<name>), where C(choria governor) finds it.
    type: str
  description:
    description: What the governor is for. It is V(Concurrency Governor <name>) by default.
    type: str
  queue:
    description:
      - Whether the governor has a queue, from which JetStream calls the first of those who wait to a freed slot, within
        milliseconds. The queue is a small stream of its own, C(GOVQUEUE_<name>), changed and deleted with the governor.
      - Without a queue, those who wait try again every now and then, and luck decides who gets a slot.
      - V(true) creates the queue, V(false) deletes it. When this is not given, a new governor gets a queue, and an
        existing one stays as it is. So a governor that Choria has created gets its queue by V(true).
      - A broken queue is mended whenever this module is run for the governor with O(state=present).
    type: bool
  lease:
    description:
      - Whether a slot lives as long as its holder. The holder of a slot with a lease gives signs of life for as long as
        its work takes. When they have stopped for longer than the lease, and the holder does not answer, those who wait
        free the slot, some 70 to 100 seconds after the holder's death.
      - The signs of life of all governors are in one small stream, C(GOVLEASES). It is created with the first governor
        that has leases, and has as many replicas as the governor with the most. It is mended whenever this module is
        run for such a governor with O(state=present).
      - V(true) gives a lease to each slot that is acquired from then on, V(false) to no further slot. When this is not
        given, a new governor gets leases, and an existing one stays as it is. So a governor that Choria has created
        gets them by V(true). Choria's Go clients do not notice, and hold their slots until O(max_age).
    type: bool
  paused:
    description:
      - Whether the governor is paused. Nobody gets a slot of a paused governor, whatever client asks for it. Those who
        hold a slot go on and release it, and those who wait keep their places in the queue.
      - V(true) pauses the governor, V(false) resumes it, which calls as many waiters as there are free slots. When this
        is not given, a new governor is not paused, and an existing one stays as it is.
      - It is independent of the O(limit), which can be changed meanwhile and is left as it is.
      - The server enforces it, by the C(max_msg_size) of the stream. Choria's Go clients do not wait for the end of a
        pause. They fail at once, also those that had waited for a slot.
      - Who has paused it and since when is noted in the stream. That is the user and the machine that this module runs
        on, so run it on the controller. A governor that is paused already keeps them.
    type: bool
  reason:
    description:
      - Why the governor is paused, for those who wait to read, on one line of at most 255 bytes. It needs
        O(paused=true).
      - When this is not given, a governor that is paused already keeps its reason.
    type: str
  force:
    description:
      - Whether to do what is refused because holders could lose their slots, or the cap could break.
      - It deletes a governor whose slots are held.
      - It lowers the limit below the number of holders also on servers older than 2.10.6, which then evict some of
        them.
      - It allows more than one replica together with O(max_age) also on servers older than 2.14, whose replicas come to
        differ, so that more may hold a slot than the limit allows.
    type: bool
    default: false
seealso:
  - module: jetstream.governor.governor_slot
  - module: jetstream.governor.governor_info
  - ref: ansible_collections.jetstream.governor.docsite.guide_leases
    description: What a lease is, what the death of a holder costs, and when to set O(max_age).
"""

EXAMPLES = r"""
- name: Let at most five databases restart at a time
  jetstream.governor.governor_stream:
    name: db-restarts
    limit: 5
  delegate_to: localhost
  run_once: true

- name: Let eight restart, effective at once
  jetstream.governor.governor_stream:
    name: db-restarts
    limit: 8
  delegate_to: localhost
  run_once: true

- name: Let nobody begin any more, whoever started the job
  jetstream.governor.governor_stream:
    name: db-restarts
    paused: true
    reason: incident 4711
  delegate_to: localhost
  run_once: true

- name: Let them go on
  jetstream.governor.governor_stream:
    name: db-restarts
    paused: false
  delegate_to: localhost
  run_once: true

- name: Create a governor that Choria's command line lists and uses too, whose own clients have no leases
  jetstream.governor.governor_stream:
    name: backups
    limit: 2
    max_age: 6h
    collective: mcollective
  delegate_to: localhost
  run_once: true

- name: Evict all holders, after an accident
  jetstream.governor.governor_stream:
    name: db-restarts
    state: reset
  delegate_to: localhost
  run_once: true

- name: Delete a governor
  jetstream.governor.governor_stream:
    name: backups
    state: absent
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
governor:
  description:
    - The governor as it is now, or would be (check mode); null when O(state=absent).
    - In check mode, what is not known of a governor that an earlier task may create is null.
  returned: success
  type: dict
  contains:
    name:
      description: The name of the governor.
      type: str
      sample: db-restarts
    stream:
      description: The JetStream stream that it is.
      type: str
      sample: GOVERNOR_db-restarts
    subject:
      description: The subject on which holders campaign.
      type: str
      sample: $GOVERNOR.campaign.db-restarts
    limit:
      description: How many may hold a slot at once.
      type: int
      sample: 5
    max_age:
      description: How many seconds a slot is held at most; 0 for ever.
      type: float
      sample: 0.0
    replicas:
      description: On how many servers the entries are kept.
      type: int
      sample: 1
    description:
      description: What the governor is for.
      type: str
      sample: Concurrency Governor db-restarts
    active:
      description: How many hold a slot now.
      type: int
      sample: 3
    queue:
      description:
        - The condition of its queue, V(ready) or V(absent).
        - With O(state=reset), which does not touch the queue, it may also be V(broken), or V(unreadable) where the NATS
          user may not read it or it did not answer.
        - It is V(unknown) in check mode where the governor does not exist yet and O(queue) is not given.
      type: str
      sample: ready
    lease:
      description:
        - The condition of its leases, V(ready) or V(absent). It is V(unknown) in check mode where the governor does not
          exist yet and O(lease) is not given.
        - With O(state=reset) the stream of leases is not looked at, and V(ready) says only that the governor is to have
          leases.
      type: str
      sample: ready
    paused:
      description: Whether the governor is paused. Where it is not, the next four are null.
      type: bool
      sample: true
    reason:
      description: Why it is paused; null where nobody has given a reason.
      type: str
      sample: incident 4711
    paused_by:
      description: Who has paused it, as user@machine; null where other tools did.
      type: str
      sample: deploy@controller1
    paused_since:
      description: Since when it is paused (UTC); null where other tools have paused it.
      type: str
      sample: '2026-11-24T14:02:11.345Z'
    pause:
      description: All of that in words. The time is that of the machine on which this module runs.
      type: str
      sample: 'db-restarts is paused by deploy@controller1 since 14:02: incident 4711'
    hazards:
      description: What is unsafe about the governor on this server, in sentences.
      type: list
      elements: str
      sample: []
    over_limit:
      description: Whether more hold a slot than the limit allows, after it was lowered.
      type: bool
      sample: false
    last_active:
      description: When a slot was last acquired (UTC); null when none ever was.
      type: str
      sample: '2026-11-24T09:30:12.345Z'
    created:
      description: When the governor was created (UTC); null when it would be created (check mode).
      type: str
      sample: '2026-11-24T09:00:00.000Z'
changes:
  description: What was changed, or would be (check mode). For a new governor it lists every option.
  returned: success
  type: list
  elements: dict
  contains:
    option:
      description: The name of the option.
      type: str
      sample: limit
    before:
      description:
        - Its value before; null for a new governor. For O(queue) and O(lease) it is V(ready), V(absent) or V(broken).
      type: raw
      sample: 5
    after:
      description: Its value afterwards. For O(queue) and O(lease) it is V(ready) or V(absent).
      type: raw
      sample: 8
removed:
  description: How many entries were removed, or would be (check mode).
  returned: when O(state=reset)
  type: int
  sample: 3
"""

from functools import partial
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._governors import absent, present, reset
from ..module_utils._runner import run


def main() -> None:
    """Create, change, delete or reset a governor, as the task asks for."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "reset"], "default": "present"},
            "limit": {"type": "int"},
            "max_age": {"type": "str"},
            "replicas": {"type": "int"},
            "subject": {"type": "str"},
            "collective": {"type": "str"},
            "description": {"type": "str"},
            "queue": {"type": "bool"},
            "lease": {"type": "bool"},
            "paused": {"type": "bool"},
            "reason": {"type": "str"},
            "force": {"type": "bool", "default": False},
            **CONNECTION_OPTIONS,
        },
        mutually_exclusive=[("subject", "collective")],
        supports_check_mode=True,
    )
    states: dict[str, Callable[..., Any]] = {
        "present": partial(present, warn=module.warn),
        "absent": absent,
        "reset": partial(reset, warn=module.warn),
    }
    run(module, partial(states[module.params["state"]], params=module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
