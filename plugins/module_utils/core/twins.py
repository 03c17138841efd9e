# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twins: streams in other JetStream domains that listen on the subject of a governor, so that each entry is in both.

Servers that are joined as hub and leaf pass on what is published for the other. Within one domain, the server itself
refuses a subject that a stream has.
"""

from __future__ import annotations

from dataclasses import replace

from .errors import NoVerdict, PermissionRefused, SubjectTaken, UnknownGovernor
from .jetstream import JetStream
from .state import State

# Seconds to wait for the answer of a stream that is asked first, and of one that another has been faster than.
_ANSWERS_WITHIN = 1.0
_FOLLOWS_WITHIN = 0.5

# No stream has this name, so nothing is stored, and each stream that listens says so.
_NOBODY = {"Nats-Expected-Stream": "none"}


async def refuse_to_be_one(js: JetStream, subject: str, what: str) -> None:
    """Raise SubjectTaken when a stream of another domain listens on the subject, on which none listens here."""
    asking = replace(js, timeout=min(js.timeout, _ANSWERS_WITHIN))
    try:
        await asking.publish(subject, b"", _NOBODY, what=what)
    except (UnknownGovernor, PermissionRefused, NoVerdict) as exc:
        js.logger.debug("%s", exc)
        return
    except SubjectTaken as exc:
        here = await js.until_verdict(lambda: js.call("STREAM.NAMES", {"subject": subject}, what=what))
        if not here.get("streams"):
            raise SubjectTaken(
                f"{what}: a stream in another JetStream domain listens on '{subject}', and each entry would be in "
                "both. Use that governor by its domain (js_domain), or choose another subject."
            ) from exc


async def warning_of_twin(js: JetStream, state: State) -> str | None:
    """Return a sentence if the governor has a twin that others have made; None if it has none, or none has answered.

    Where the governor's domain has no name, nobody is asked, so that no time is lost where there is one JetStream.
    """
    if state.domain is None:
        return None
    if await js.count_answers(state.config.subject, _NOBODY, _FOLLOWS_WITHIN) < 2:
        return None
    return (
        f"Governor '{state.config.name}' of the JetStream domain '{state.domain}' has a twin in another domain: the "
        f"subject '{state.config.subject}' leads to both, so each entry is stored in both, and takes a slot of the "
        "other one until its lease or max_age ends it. Delete one of the two, or give it another subject."
    )
