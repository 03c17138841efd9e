#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: governor_info
short_description: Tell of governors, their settings and who holds their slots
version_added: 0.1.0
description:
  - Returns one, several or all governors and who holds their slots. A JMESPath query can shape the answer.
author:
  - The jetstream.governor team (@jetstream)
extends_documentation_fragment:
  - jetstream.governor.connection
  - jetstream.governor.connection.target
  - jetstream.governor.attributes
attributes:
  check_mode:
    support: full
    details: This module never changes anything.
  diff_mode:
    support: N/A
    details: This module never changes anything.
  idempotent:
    support: full
options:
  name:
    description: The names of the governors to return. All are returned when none is given.
    type: list
    elements: str
    default: []
  collective:
    description: Return only the governors of this Choria collective, those that C(choria governor list) shows.
    type: str
  entries:
    description:
      - Whether to return also who holds the slots, in RV(governors[].entries).
      - By default it is V(true) where O(name) is given or O(query) asks for C(entries), and V(false) otherwise.
      - Thousands of entries that this collection made are read with a few requests; each entry of a Go client takes
        one more.
      - V(false) is for a NATS user who may not read them.
    type: bool
  query:
    description:
      - A JMESPath expression over RV(governors) and RV(missing), whose value is returned in RV(result).
      - It needs the Python package C(jmespath).
    type: str
seealso:
  - module: jetstream.governor.governor_stream
  - module: jetstream.governor.governor_slot
"""

EXAMPLES = r"""
- name: List all governors
  jetstream.governor.governor_info:
  delegate_to: localhost
  run_once: true
  register: all

- name: Show who holds the slots of one
  jetstream.governor.governor_info:
    name: db-restarts
  delegate_to: localhost
  run_once: true
  register: restarts

- name: List the names of those that are full
  jetstream.governor.governor_info:
    query: governors[?active >= limit].name
  delegate_to: localhost
  run_once: true
  register: full

- name: Tell which are paused, by whom and why
  jetstream.governor.governor_info:
    query: governors[?paused].pause
  delegate_to: localhost
  run_once: true
  register: stopped

- name: Find where a host holds a slot
  jetstream.governor.governor_info:
    query: governors[?entries[?holder == 'db01']].name
  delegate_to: localhost
  run_once: true
  register: held
"""

RETURN = r"""
governors:
  description: The governors, sorted by name, or in the order of O(name).
  returned: success
  type: list
  elements: dict
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
      sample: 1800.0
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
      sample: 1
    queue:
      description:
        - The condition of its queue, in which JetStream queues those who wait. It is V(ready), V(absent), V(broken) or
          V(unreadable).
        - In a broken queue nobody can wait; M(jetstream.governor.governor_stream) mends it whenever it is run for the
          governor. A queue is unreadable where the NATS user may not read it, or it did not answer.
        - When all governors are listed, the queues of those that are full or paused are looked at.
      type: str
      sample: ready
    waiting:
      description:
        - How many wait in the queue; null where RV(governors[].queue) is not V(ready).
        - When all governors are listed, this is read only for those that are full or paused. For the others it is V(0).
      type: int
      sample: 0
    waiting_by_priority:
      description:
        - How many of RV(governors[].waiting) wait with which priority, as it was given to them; null where nobody
          answers.
        - Those who wait with another priority than V(normal) are asked. Who does not answer within a fifth of a second,
          or whose NATS user may not answer, counts as V(normal).
      type: dict
      sample: {urgent: 0, high: 0, normal: 0, low: 0}
    lease:
      description:
        - Whether the slots that are acquired have leases, V(ready) or V(absent). Whether the stream of leases exists is
          not looked at; M(jetstream.governor.governor_stream) does that, and mends it.
      type: str
      sample: ready
    paused:
      description: Whether the governor is paused, so that nobody gets a slot. Where it is not, the next four are null.
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
      description: When the governor was created (UTC).
      type: str
      sample: '2026-11-24T09:00:00.000Z'
    entries:
      description:
        - Who holds a slot, those who have held it longest first.
        - It is returned only where O(entries) is V(true), given or by default.
      type: list
      elements: dict
      contains:
        seq:
          description: The sequence of the slot, by which it can be released and evicted.
          type: int
          sample: 1795510800000042
        holder:
          description: Who holds the slot.
          type: str
          sample: db01
        run_id:
          description: The run that owns the slot, and may release it; null for Go clients.
          type: str
          sample: ctl1-4711x8f3k2
        host:
          description: The host of that run that owns the slot; null where the run as a whole does, and for Go clients.
          type: str
          sample: db01
        acquired_at:
          description: When the slot was acquired (UTC).
          type: str
          sample: '2026-11-24T09:30:12.345Z'
        age:
          description: For how many seconds it has been held, by the server's clock.
          type: float
          sample: 41.2
        expires_at:
          description: When C(max_age) ends the slot (UTC), whatever its holder does; null for never.
          type: str
          sample: '2026-11-24T10:00:12.345Z'
        lease:
          description:
            - For how many seconds a sign of life of the holder lasts. It is null for a slot without a lease, which ends
              by its holder, C(max_age) or an eviction alone.
          type: float
          sample: 60.0
        renewed_at:
          description:
            - When the holder last gave a sign of life (UTC). It is null without a lease, and where the NATS user may
              not read it.
            - With a lease it is also null when that was longer ago than the lease. Then the holder has died, or cannot
              reach the server.
          type: str
          sample: '2026-11-24T09:30:40.123Z'
missing:
  description: Those of O(name) that no governor has.
  returned: success
  type: list
  elements: str
  sample: []
server:
  description: The server that has answered, as host and port.
  returned: success
  type: str
  sample: nats1.example.net:4222
result:
  description: The value of the O(query).
  returned: when O(query) is given
  type: raw
  sample: [db-restarts]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._governors import info
from ..module_utils._query import Query
from ..module_utils._runner import run
from ..module_utils.core.errors import InvalidValue
from ..module_utils.core.jetstream import JetStream


def main() -> None:
    """Read governors, as the task asks for."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "default": []},
            "collective": {"type": "str"},
            "entries": {"type": "bool"},
            "query": {"type": "str"},
            **CONNECTION_OPTIONS,
        },
        mutually_exclusive=[("name", "collective")],
        supports_check_mode=True,
    )

    async def work(js: JetStream) -> dict[str, Any]:
        names, collective, text = (module.params[option] for option in ("name", "collective", "query"))
        query = Query(text) if text else None
        found = await info(js, names, collective, _with_entries(module.params["entries"], names, query))
        if query is None:
            return found
        return {**found, "result": query.search({key: found[key] for key in ("governors", "missing")})}

    run(module, work)


def _with_entries(given: bool | None, names: list[str], query: Query | None) -> bool:
    """Tell whether to read the entries too, given or by default. Raises InvalidValue for a query that lacks them."""
    if query is None or not query.names("entries"):
        return bool(names) if given is None else given
    if given is False:
        raise InvalidValue(
            f"query {query.text!r} asks for entries, and 'entries: false' leaves them out. Leave 'entries' out, or ask "
            "for something else."
        )
    return True


if __name__ == "__main__":
    main()
