# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every name that goes over the wire is built and checked here, and nowhere else.

The governor's forms are Choria's: stream ``GOVERNOR_<name>``, subject ``$GOVERNOR.campaign.<name>`` by default and
``<collective>.governor.<name>`` for what ``choria governor`` lists. The line, which Choria does not know, is stream
``GOVLINE_<name>``, whose chances go to ``$GOVERNOR.line.<name>``.
"""

from __future__ import annotations

from .errors import InvalidValue

STREAM_PREFIX = "GOVERNOR_"
# Not beginning like a governor's, and not longer: every governor's name has room for a line.
LINE_PREFIX = "GOVLINE_"
_LINE_SUBJECTS = "$GOVERNOR.line."
ALL_LINES = f"{_LINE_SUBJECTS}*"

# nats-server refuses stream names of more than 255 bytes.
_LONGEST_NAME = 255 - len(STREAM_PREFIX)
_LONGEST_LABEL = 255


def check_name(name: str) -> str:
    """The governor's name, if a stream can be called after it; InvalidValue otherwise."""
    return _check_token(name, "A governor's name", _LONGEST_NAME)


def check_collective(collective: str) -> str:
    """The collective's name, if it can be a part of a subject; InvalidValue otherwise."""
    return _check_token(collective, "A collective's name", _LONGEST_LABEL)


def check_label(label: str, what: str) -> str:
    """A holder or run id: any printable text of up to 255 bytes; it travels in a header, so no line breaks."""
    if not isinstance(label, str) or not label.strip():
        raise InvalidValue(f"{what} must not be empty.")
    if not label.isprintable():
        raise InvalidValue(f"{what} must be printable and on one line, not {_shown(label)}.")
    if len(label.encode()) > _LONGEST_LABEL:
        raise InvalidValue(f"{what} must be at most {_LONGEST_LABEL} bytes long, not {len(label.encode())}.")
    return label


def check_subject(subject: str) -> str:
    """A subject one can publish on: dot-separated tokens without blanks and wildcards."""
    tokens = subject.split(".")
    if any(not token or not token.isprintable() or set(token) & set(" *>") for token in tokens):
        raise InvalidValue(
            f"A governor's subject must be tokens joined by single dots, without blanks and wildcards, "
            f"not {_shown(subject)}."
        )
    return subject


def stream_name(name: str) -> str:
    return STREAM_PREFIX + check_name(name)


def governor_name(stream: str) -> str | None:
    """The reverse of stream_name; None for a stream that is not named like a governor's."""
    name = stream[len(STREAM_PREFIX) :] if stream.startswith(STREAM_PREFIX) else ""
    return name or None


def campaign_subject(name: str, collective: str | None = None) -> str:
    """Where holders campaign for a slot: Choria's library default, or the form of one collective."""
    if collective is None:
        return f"$GOVERNOR.campaign.{check_name(name)}"
    return f"{check_collective(collective)}.governor.{check_name(name)}"


def line_name(name: str) -> str:
    """The stream of the governor's line."""
    return LINE_PREFIX + check_name(name)


def line_subject(name: str) -> str:
    """Where the chances of the governor's line go."""
    return f"{_LINE_SUBJECTS}{check_name(name)}"


def owner_of(run_id: str, holder: str) -> str:
    """Who may release a slot: ``<run id>/<holder>``."""
    if "/" in check_label(run_id, "A run id"):
        raise InvalidValue(f"A run id must not contain a slash, as {_shown(run_id)} does.")
    return f"{run_id}/{check_label(holder, 'A holder')}"


def split_owner(owner: str | None) -> tuple[str | None, str | None]:
    """(run id, holder) of an owner; (None, None) of an entry that carries none, as those of Go clients."""
    if not owner or "/" not in owner:
        return None, None
    run_id, _slash, holder = owner.partition("/")
    return run_id, holder


def _check_token(name: str, what: str, longest: int) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidValue(f"{what} must not be empty.")
    if not name.isprintable() or set(name) & set(" .*>/\\"):
        raise InvalidValue(
            f"{what} must be printable, without blanks, dots, slashes, backslashes and the wildcards * and >, "
            f"not {_shown(name)}."
        )
    if len(name.encode()) > longest:
        raise InvalidValue(f"{what} must be at most {longest} bytes long, not {len(name.encode())}.")
    return name


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
