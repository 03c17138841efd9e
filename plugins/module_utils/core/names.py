# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build, check and parse every name that goes over the wire. Nothing else does.

The governor's forms are Choria's: stream ``GOVERNOR_<name>``, subject ``$GOVERNOR.campaign.<name>`` by default and
``<collective>.governor.<name>`` for what ``choria governor`` lists. The queue, which Choria does not know, is stream
``GOVQUEUE_<name>``, whose wake-ups go to ``$GOVERNOR.queue.<name>``. The leases of all governors are one stream,
``GOVLEASES``, in which the signs of life of a slot go to ``$GOVERNOR.lease.<name>.<token>``; whether its holder lives
can also be asked on ``$GOVERNOR.alive.<token>``.
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import InvalidValue

STREAM_PREFIX = "GOVERNOR_"
# Not beginning like a governor's, and not longer: every governor's name has room for a queue.
QUEUE_PREFIX = "GOVQUEUE_"
_QUEUE_SUBJECTS = "$GOVERNOR.queue."
ALL_QUEUES = f"{_QUEUE_SUBJECTS}*"
LEASES_STREAM = "GOVLEASES"
_LEASE_SUBJECTS = "$GOVERNOR.lease."
ALL_LEASES = f"{_LEASE_SUBJECTS}*.*"

# nats-server refuses stream names of more than 255 bytes.
_LONGEST_NAME = 255 - len(STREAM_PREFIX)
_LONGEST_LABEL = 255


def check_name(name: str) -> str:
    """Return the governor's name if a stream can be called after it. Raises InvalidValue otherwise."""
    return _check_token(name, "A governor's name", _LONGEST_NAME)


def check_collective(collective: str) -> str:
    """Return the collective's name if it can be a part of a subject. Raises InvalidValue otherwise."""
    return _check_token(collective, "A collective's name", _LONGEST_LABEL)


def check_label(label: str, what: str) -> str:
    """Return a holder or run id if it is a printable text of up to 255 bytes. Raises InvalidValue otherwise.

    It travels in a header, so it has no line breaks. ``what`` is the beginning of the error's sentence.
    """
    if not isinstance(label, str) or not label.strip():
        raise InvalidValue(f"{what} must not be empty.")
    if not label.isprintable():
        raise InvalidValue(f"{what} must be printable and on one line, not {_shown(label)}.")
    if len(label.encode()) > _LONGEST_LABEL:
        raise InvalidValue(f"{what} must be at most {_LONGEST_LABEL} bytes long, not {len(label.encode())}.")
    return label


def check_subject(subject: str) -> str:
    """Return a subject if one can publish on it: tokens joined by dots, without blanks and wildcards.

    Raises InvalidValue otherwise.
    """
    tokens = subject.split(".")
    if any(not token or not token.isprintable() or set(token) & set(" *>") for token in tokens):
        raise InvalidValue(
            f"A governor's subject must be tokens joined by single dots, without blanks and wildcards, "
            f"not {_shown(subject)}."
        )
    return subject


def stream_name(name: str) -> str:
    """Return the name of the governor's stream."""
    return STREAM_PREFIX + check_name(name)


def governor_name(stream: str) -> str | None:
    """Return the governor's name from that of its stream; None for a stream that is not named like a governor's."""
    name = stream[len(STREAM_PREFIX) :] if stream.startswith(STREAM_PREFIX) else ""
    return name or None


def collective_subjects(collective: str) -> str:
    """Return the wildcard for the subjects of all governors of a collective."""
    return f"{check_collective(collective)}.governor.*"


def campaign_subject(name: str, collective: str | None = None) -> str:
    """Return where holders campaign for a slot: Choria's library default, or the form of one collective."""
    if collective is None:
        return f"$GOVERNOR.campaign.{check_name(name)}"
    return f"{check_collective(collective)}.governor.{check_name(name)}"


def queue_stream_name(name: str) -> str:
    """Return the name of the stream of the governor's queue."""
    return QUEUE_PREFIX + check_name(name)


def queue_subject(name: str) -> str:
    """Return the subject to which the wake-ups of the governor's queue go."""
    return f"{_QUEUE_SUBJECTS}{check_name(name)}"


def waiting_subject(name: str) -> str:
    """Return the subject on which those answer who wait for the governor with another priority than the normal one."""
    return f"$GOVERNOR.waiting.{check_name(name)}.all"


def any_waiting_subject(name: str) -> str:
    """Return the subject on which one of those answers."""
    return f"$GOVERNOR.waiting.{check_name(name)}.any"


def lease_subject(name: str, token: str) -> str:
    """Return the subject to which the signs of life go of the slot that has this token."""
    return f"{_LEASE_SUBJECTS}{check_name(name)}.{token}"


def lease_subjects(name: str) -> str:
    """Return the wildcard for the signs of life of all slots of the governor."""
    return lease_subject(name, "*")


def lease_token(subject: str) -> str:
    """Return the token of the slot whose signs of life go to this subject."""
    return subject.rpartition(".")[2]


def alive_subject(token: str) -> str:
    """Return the subject on which the holder of the slot with this token answers that it is alive."""
    return f"$GOVERNOR.alive.{token}"


def check_run_id(run_id: str) -> str:
    """Return a run id: a label without slashes, so that an owner can be parsed again. Raises InvalidValue."""
    if "/" in check_label(run_id, "A run id"):
        raise InvalidValue(f"A run id must not contain a slash, as {_shown(run_id)} does.")
    return run_id


class Owner(NamedTuple):
    """Who may release a slot: a run, and one of its hosts.

    ``host`` is empty where the slot is the whole run's; ``holder`` is for people to read. As text it is
    ``<run id>/<host>/<holder>``, in which ``/`` and ``%`` of the host are ``%2F`` and ``%25``.
    """

    run_id: str
    host: str
    holder: str

    @classmethod
    def of(cls, run_id: str, holder: str, host: str = "") -> Owner:
        """Return the owner of a slot, its parts checked. Raises InvalidValue."""
        return cls(check_run_id(run_id), host and check_label(host, "A host's name"), check_label(holder, "A holder"))

    @classmethod
    def parse(cls, text: str | None) -> Owner | None:
        """Return the owner that the text tells; None where it tells none, as with entries of Go clients."""
        if not text or text.count("/") < 2:
            return None
        run_id, host, holder = text.split("/", 2)
        return cls(run_id, host.replace("%2F", "/").replace("%25", "%"), holder)

    def __str__(self) -> str:
        host = self.host.replace("%", "%25").replace("/", "%2F")
        return f"{self.run_id}/{host}/{self.holder}"


def whose(run_id: str, host: str | None) -> str:
    """Word a run and one of its hosts. ``host``: None is any of them, an empty one the run as a whole."""
    if host is None:
        return f"run '{run_id}'"
    return f"host '{host}' of run '{run_id}'" if host else f"the whole run '{run_id}'"


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
