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
  - It is a NATS JetStream stream with a maximum number of messages, the same that Choria's tools create and use.
author:
  - The jetstream.governor team (@jetstream)
extends_documentation_fragment:
  - jetstream.governor.connection
  - jetstream.governor.connection.target
  - jetstream.governor.attributes
attributes:
  check_mode:
    support: full
    details: A governor that does not exist is taken for one that an earlier task of the play creates, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the governor, without blanks, dots, slashes and wildcards, at most 246 bytes long.
    type: str
    required: true
  state:
    description:
      - V(present) creates the governor, or changes what is given and differs. What is not given stays as it is.
      - V(absent) deletes it.
      - V(reset) removes all its entries; their holders do not learn of it.
    type: str
    choices: [present, absent, reset]
    default: present
  limit:
    description:
      - How many may hold a slot at once. Needed to create a governor.
      - A change takes effect at once. When there are more holders than the new limit, they stay, and nobody enters
        until enough of them have left.
    type: int
  max_age:
    description:
      - How long an entry lives when nobody removes it; V(0) for ever. Needed to create a governor.
      - This is what frees the slot of a holder that has died, so it must be longer than the longest work.
      - A change applies to entries that are there already.
    type: str
  replicas:
    description: On how many servers of the cluster entries are kept, 1 to 5. 1 by default.
    type: int
  subject:
    description: The subject where holders campaign for a slot. V($GOVERNOR.campaign.<name>) by default.
    type: str
  collective:
    description:
      - A Choria collective. The subject is then V(<collective>.governor.<name>), which C(choria governor) lists and
        uses.
    type: str
  description:
    description: What the governor is for. V(Concurrency Governor <name>) by default.
    type: str
  queue:
    description:
      - Whether the governor has a queue, in which JetStream hands a freed slot to the first of those who wait, in
        milliseconds. It is a small stream of its own, C(GOVQUEUE_<name>), changed and deleted with the governor.
      - Without a queue, those who wait try again every now and then, and luck decides who gets a slot.
      - V(true) creates the queue, V(false) deletes it. When it is not given, a new governor gets a queue, and one that
        exists stays as it is; so a governor that Choria made gets its queue by V(true).
      - A broken queue is mended whenever this module touches the governor.
    type: bool
  force:
    description:
      - Delete a governor that has active entries.
      - Lower the limit below the number of active entries also on servers older than 2.10.6, which then evict holders.
      - Have more than one replica together with O(max_age) also on servers older than 2.14, whose replicas then come to
        differ, so that more may hold a slot than the limit allows.
    type: bool
    default: false
seealso:
  - module: jetstream.governor.governor_slot
  - module: jetstream.governor.governor_info
"""

EXAMPLES = r"""
- name: At most five databases restart at a time
  jetstream.governor.governor_stream:
    name: db-restarts
    limit: 5
    max_age: 30m
  delegate_to: localhost
  run_once: true

- name: Let eight restart, effective at once
  jetstream.governor.governor_stream:
    name: db-restarts
    limit: 8
  delegate_to: localhost
  run_once: true

- name: A governor that Choria's command line lists too
  jetstream.governor.governor_stream:
    name: backups
    limit: 2
    max_age: 6h
    collective: mcollective
  delegate_to: localhost
  run_once: true

- name: Remove all entries, after an accident
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
    - Where check mode does not find it and an earlier task may be the one that creates it, what is not known is null.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: db-restarts
    stream:
      description: The JetStream stream.
      type: str
      sample: GOVERNOR_db-restarts
    subject:
      description: Where holders campaign.
      type: str
      sample: $GOVERNOR.campaign.db-restarts
    limit:
      description: How many may hold a slot at once.
      type: int
      sample: 5
    max_age:
      description: Seconds after which an entry is evicted; 0 for never.
      type: float
      sample: 1800.0
    replicas:
      description: On how many servers entries are kept.
      type: int
      sample: 1
    description:
      description: What it is for.
      type: str
      sample: Concurrency Governor db-restarts
    active:
      description: How many hold a slot now.
      type: int
      sample: 3
    queue:
      description:
        - The state of its queue. V(ready) or V(absent); with O(state=reset), which leaves it as it is, also V(broken),
          or V(unreadable) where the NATS user may not read it, or it did not answer.
        - V(unknown) in check mode where the governor does not exist yet and O(queue) is not given.
      type: str
      sample: ready
    hazards:
      description: What is unsafe about it on this server, in sentences.
      type: list
      elements: str
      sample: []
    over_limit:
      description: Whether more hold a slot than the limit allows, after it was lowered.
      type: bool
      sample: false
    last_active:
      description: When somebody last entered (UTC); null when nobody ever did.
      type: str
      sample: '2026-11-24T09:30:12.345Z'
    created:
      description: When it was created (UTC); null when it would be created (check mode).
      type: str
      sample: '2026-11-24T09:00:00.000Z'
changes:
  description: What was changed, or would be (check mode); on creation every option with null before.
  returned: success
  type: list
  elements: dict
  contains:
    option:
      description: Name of the option.
      type: str
      sample: limit
    before:
      description:
        - Its value before; null where the governor did not exist. Of O(queue) it is V(ready), V(absent) or V(broken).
      type: raw
      sample: 5
    after:
      description: Its value after. Of O(queue) it is V(ready) or V(absent).
      type: raw
      sample: 8
removed:
  description: How many entries were removed, or would be (check mode).
  returned: O(state=reset)
  type: int
  sample: 3
"""

from functools import partial
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.connection_options import CONNECTION_OPTIONS
from ..module_utils.governors import absent, present, reset
from ..module_utils.runner import run


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
