# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pause of a governor: nobody gets a slot until it is resumed, and those who hold one go on. Pure.

The server enforces it: the stream of a paused governor takes no message that is longer than a byte, which no entry is.
That alone makes a pause, so that what is told of it is what the server does. Who has paused the governor, since when
and why is in the metadata of the stream, and may be missing where other tools were at work; so is the size that the
stream takes otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .entry import format_time, parse_time
from .jetstream import Json

# In bytes. 0 would stand for any length.
_TAKES_NOBODY = 1

WHAT_TO_DO = "Wait until it is resumed, or resume it by 'paused: false'."

# What a governor's stream takes unless somebody has set something else.
_TAKES_ALL = -1

_BY, _SINCE, _REASON = "governor_paused_by", "governor_paused_since", "governor_paused_reason"
_TAKES_OTHERWISE = "governor_max_msg_size"
_KEYS = (_BY, _SINCE, _REASON, _TAKES_OTHERWISE)


@dataclass(frozen=True)
class Pause:
    """Who has paused a governor, since when and why. What is not known is empty or None.

    As what is asked for, a ``reason`` of None leaves the one that is there.
    """

    by: str
    since: datetime | None
    reason: str | None = None

    @classmethod
    def of_stream(cls, stream: Json) -> Pause | None:
        """Return the pause of the governor that has this stream configuration; None where it is not paused."""
        if stream.get("max_msg_size") != _TAKES_NOBODY:
            return None
        notes = stream.get("metadata") or {}
        return cls(notes.get(_BY, ""), _moment(notes.get(_SINCE, "")), notes.get(_REASON))

    def renewed(self, asked_for: Pause) -> Pause:
        """Return what this pause becomes when a paused governor is paused again: only the reason changes."""
        return self if asked_for.reason is None else Pause(self.by, self.since, asked_for.reason)

    def words(self, governor: str, now: datetime) -> str:
        """Return the pause in words, without a full stop; times are in the time zone of ``now``."""
        by = f" by {_on_one_line(self.by)}" if self.by else ""
        since = f" since {_clock_time(self.since, now)}" if self.since else ""
        reason = f": {_on_one_line(self.reason).rstrip('.')}" if self.reason else ""
        return f"{governor} is paused{by}{since}{reason}"


def with_pause(stream: Json, pause: Pause | None) -> Json:
    """Return the stream configuration with this pause in place of any other; with None, as it is without one."""
    metadata = stream.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if key not in _KEYS}
    takes = _otherwise(metadata) if Pause.of_stream(stream) else stream.get("max_msg_size", _TAKES_ALL)
    if pause is None:
        return {**stream, "max_msg_size": takes, "metadata": kept}
    notes = {_BY: pause.by, _SINCE: format_time(pause.since), _REASON: pause.reason, _TAKES_OTHERWISE: str(takes)}
    told = {key: value for key, value in notes.items() if value}
    return {**stream, "max_msg_size": _TAKES_NOBODY, "metadata": {**kept, **told}}


def takes_any_size(stream: Json) -> bool:
    """Tell whether the stream takes entries of any length."""
    return int(stream.get("max_msg_size", _TAKES_ALL)) <= 0


def _otherwise(metadata: Mapping[str, Any]) -> int:
    try:
        return int(metadata.get(_TAKES_OTHERWISE, _TAKES_ALL))
    except ValueError:
        return _TAKES_ALL


def _moment(text: str) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError:
        return None


def _clock_time(moment: datetime, now: datetime) -> str:
    """Return the time as people write it, with the date unless that is today's."""
    local = moment.astimezone(now.tzinfo)
    return local.strftime("%H:%M" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def _on_one_line(text: str) -> str:
    """Return a text that anybody may have written into the metadata, fit for a sentence."""
    return text if text.isprintable() else repr(text)[1:-1]
