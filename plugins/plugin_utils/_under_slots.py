# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Do work under slots that are held, and release or keep each of them afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from ansible.errors import AnsibleAction
from ansible.utils.display import Display

from ..module_utils._secrecy import redact
from ..module_utils.core.durations import format_duration
from ._hold import Hold
from ._holds import Holds
from ._interruption import Interruptions
from ._local_work import end_local_work
from ._steps import SKIP
from ._summary import Result, has_failed

display = Display()


def told_of(slots: Sequence[Result]) -> Result:
    """Return what a result tells of its slots. They are the dicts themselves."""
    return {"slots": slots, **({"slot": slots[0]} if len(slots) == 1 else {})}


@contextlib.contextmanager
def telling_of(slots: Sequence[Result]) -> Iterator[None]:
    """Make the slots a part of the result that ansible-core makes of an exception.

    They are the dicts themselves: what becomes of a slot later is seen there too.
    """
    try:
        yield
    except AnsibleAction as exc:
        # Since ansible-core 2.19 ``result`` is a copy of it.
        result = getattr(exc, "_result", exc.result)
        result.update(told_of(slots))
        raise


class WorkUnderSlots:
    """Do work under slots that are held, and release or keep them afterwards."""

    def __init__(self, holds: Holds, on_lost: str, interruptions: Interruptions) -> None:
        """Make it; ``on_lost`` is the task's option."""
        self._holds = holds
        self._on_lost = on_lost
        self._interruptions = interruptions

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work, and return its result with the slots in it, failed if one was lost and that matters.

        Raises what the work raises, with the slots in the result that ansible-core makes of it.
        """
        slots = self._holds.facts()
        try:
            with telling_of(slots), self._holds.at_work(), self._interruptions.working(self._release_quietly):
                result = work()
        except Exception as exc:
            self._end(slots, failed=not isinstance(exc, SKIP))
            if self._interruptions.stopped:
                return _lost({}, slots)
            raise
        except BaseException:
            # It is the timeout of the task, or the loss of a slot: what it has started on the controller is still at
            # work.
            end_local_work()
            self._end(slots, failed=True)
            if self._interruptions.stopped:
                return _lost({}, slots)
            raise
        self._end(slots, failed=has_failed(result))
        if self._interruptions.stopped or (self._on_lost != "warn" and any(slot.get("lost") for slot in slots)):
            return _lost(result, slots)
        return {**result, **told_of(slots)}

    def _release_quietly(self) -> None:
        """Release, while the work stands still, the slots that are to be released whatever happens.

        Nothing is shown: the work may hold the locks that it takes to show a warning.
        """
        self._holds.release([hold for hold in self._holds if hold.request.release == "always"], self._interruptions)

    def _end(self, slots: Sequence[Result], failed: bool) -> None:
        """Release or keep each slot, as it asks for and as the work has ended, and bring its facts up to date."""
        keeping = [hold for hold in self._holds if self._keeps(hold, failed)]
        self._holds.release([hold for hold in self._holds if hold not in keeping], self._interruptions)
        for hold, slot in zip(self._holds, slots):
            slot.update(hold.keep() if hold in keeping else self._released(hold))

    def _keeps(self, hold: Hold, failed: bool) -> bool:
        release = hold.request.release
        keeps = release == "never" or (release == "on_success" and (failed or hold.is_kept_by_another))
        # A slot that is lost is not there to be kept.
        return keeps and not self._stopped_for(hold)

    def _stopped_for(self, hold: Hold) -> bool:
        """Tell whether the work was ended because this slot was lost."""
        return self._interruptions.stopped and hold.lost() is not None

    def _released(self, hold: Hold) -> Result:
        facts = hold.facts()
        lost = self._stopped_for(hold)
        if hold.failure is not None:
            facts["released"] = False
            ends = "its lease" if facts["lease"] else "max_age"
            display.warning(f"The slot could not be released; {ends} ends it. {redact(str(hold.failure))}")
        else:
            lost = lost or not hold.released
            facts["lost"] = lost
            hold.request.tell_more(
                f"{facts['holder']} {'lost' if lost else 'released'} slot {facts['seq']} of {facts['governor']} after "
                f"{format_duration(facts['held'])}"
            )
        if lost:
            facts.update(lost=True, msg=_sentence(hold, facts))
            display.warning(facts["msg"])
        return facts


def _lost(result: Result, slots: Sequence[Result]) -> Result:
    """Return the result of work that has failed because a slot was lost; ``result`` is its own, if it has one."""
    msg = " ".join(slot["msg"] for slot in slots if slot.get("lost"))
    return {"changed": True, **result, "failed": True, "msg": msg, **told_of(slots)}


def _sentence(hold: Hold, facts: Result) -> str:
    why = hold.lost() or "it was evicted, it has expired, or the governor was deleted"
    advice = "" if facts["lease"] else " Set max_age longer than the longest work."
    return (
        f"The slot of {facts['holder']} in governor '{facts['governor']}' was lost while it worked ({why}): more "
        f"may have worked at once than the limit allows.{advice}"
    )
