# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the governors that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import NotAGovernor
from .jetstream import JetStream, Json, jetstream
from .manager import Manager
from .names import ALL_QUEUES, collective_subjects, governor_name
from .state import State

if TYPE_CHECKING:
    from nats.aio.client import Client


async def list_governors(nc: Client | JetStream, collective: str | None = None) -> list[str]:
    """Return the names of all governors, sorted, or of those in one collective, as Choria lists them."""
    return [manager.name for manager in await load_governors(nc, collective)]


async def load_governors(
    nc: Client | JetStream, collective: str | None = None, look_closely: bool = False
) -> list[Manager]:
    """Load all governors, or those in one collective, sorted by name.

    Streams that have such a name and do not behave as governors are left out. With ``look_closely``, the queues are
    "ready" or "absent"; one that is broken also counts as "ready".
    """
    js = jetstream(nc)
    request: dict[str, Any] = {"subject": collective_subjects(collective)} if collective else {}
    what = "Could not list the governors"
    infos = await js.until_verdict(lambda: js.call_paged("STREAM.LIST", "streams", request, what=what))
    managers = [manager for manager in (_if_governor(js, info) for info in infos) if manager is not None]
    if look_closely:
        request = {"subject": ALL_QUEUES}
        queues = set(await js.until_verdict(lambda: js.call_paged("STREAM.NAMES", "streams", request, what=what)))
        for manager in managers:
            manager.queue_condition = "ready" if manager.queue.stream in queues else "absent"
    return sorted(managers, key=lambda each: each.name)


def _if_governor(js: JetStream, info: Json) -> Manager | None:
    if governor_name(info["config"]["name"]) is None:
        return None
    try:
        return Manager(js, State.from_info(info))
    except NotAGovernor as exc:
        js.logger.warning("%s", exc)
        return None
