# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of the core, and the table that maps the server's error codes to them.

GovernorError
├── InvalidValue
├── UnknownGovernor
├── AlreadyExists
├── NotAGovernor
├── SubjectTaken
├── WaitTimeout
├── GovernorFull
├── EntryTooLong
├── EntryGone
├── NoQueue
├── NoLeases
├── PlaceLost
├── NotOwner
├── InUse
├── PermissionRefused
├── JetStreamUnavailable
├── ConfigRefused
│   └── NotApplied
├── ConnectionClosed
├── ServerError
└── NoVerdict
    ├── NotSent
    └── Undecided
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class GovernorError(Exception):
    """Base class of all errors of the core. Modules return ``facts`` beside the message."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class InvalidValue(GovernorError):
    """A name, number, duration or setting is invalid. No server was asked."""


class UnknownGovernor(GovernorError):
    """There is no stream ``GOVERNOR_<name>``, or no stream listens on the campaign subject."""


class AlreadyExists(GovernorError):
    """Somebody else has created the stream meanwhile, with another configuration."""


class NotAGovernor(GovernorError):
    """A stream has the name of a governor, but does not behave as one."""


class SubjectTaken(GovernorError):
    """The campaign subject belongs to another stream, in this JetStream domain or in another one."""


class WaitTimeout(GovernorError):
    """The time given is over without a slot: none became free, or no server could be asked. No entry is left behind."""


class GovernorFull(GovernorError):
    """The governor has as many entries as its limit allows, and the server refuses another one."""


class EntryTooLong(GovernorError):
    """The entry is longer than the stream takes, as every entry is while the governor is paused."""


class EntryGone(GovernorError):
    """There is no entry with this sequence number, or there is none any more."""


class NoQueue(GovernorError):
    """The governor has no queue, or only a part of one."""


class NoLeases(GovernorError):
    """There is no stream of leases."""


class PlaceLost(GovernorError):
    """The waiter has lost its place in the queue. It can join the queue again."""


class NotOwner(GovernorError):
    """The entry belongs to somebody else."""


class InUse(GovernorError):
    """The change or deletion is refused because the governor has active entries."""


class PermissionRefused(GovernorError):
    """The NATS user lacks the permission for this request."""


class JetStreamUnavailable(GovernorError):
    """The server, or the account of the NATS user, has no JetStream."""


class ConfigRefused(GovernorError):
    """The configuration is refused by the server, or because the server would not apply it safely."""


class NotApplied(ConfigRefused):
    """The server has accepted the configuration, but what it has stored differs from it."""


class ConnectionClosed(GovernorError):
    """The connection is closed for good: it will not reconnect."""


class ServerError(GovernorError):
    """The server has refused the request with an error code that is not in the table."""


class NoVerdict(GovernorError):
    """No conclusive answer has come. The request may or may not have taken effect."""


class NotSent(NoVerdict):
    """The request has not taken effect: it was not sent, or nothing was there to receive it."""


class Undecided(NoVerdict):
    """The server has received the entry, and has neither stored nor refused it so far."""


class ErrorCode(NamedTuple):
    """One row of the table of error codes.

    ``code`` is the server's error code, ``text`` a part of the server's text (None matches every text), ``error`` the
    exception that it becomes, and ``advice`` a sentence for its message that says what to do.
    """

    code: int
    text: str | None
    error: type[GovernorError]
    advice: str = ""


# The codes are those of nats-server's errors.json. Where one code has several meanings, the text tells them apart:
# 10077 is also sent when a stream has its maximum of bytes, 10057 whenever a deletion fails. The first row that matches
# decides.
ERROR_CODES: tuple[ErrorCode, ...] = (
    ErrorCode(10077, "maximum messages exceeded", GovernorFull),
    ErrorCode(10054, None, EntryTooLong, "Raise the max_msg_size of the governor's stream."),
    ErrorCode(10059, None, UnknownGovernor),
    ErrorCode(10037, None, EntryGone),
    ErrorCode(10043, None, EntryGone),
    ErrorCode(10057, "no message found", EntryGone),
    ErrorCode(10057, "stream store EOF", EntryGone),
    ErrorCode(10014, None, NoQueue),
    ErrorCode(10058, None, AlreadyExists),
    ErrorCode(10065, None, SubjectTaken, "Choose another subject, or delete the stream that has it."),
    ErrorCode(10060, None, SubjectTaken, "The campaign subject leads to another stream: look at both streams."),
    ErrorCode(10074, None, ConfigRefused, "More than one replica needs a cluster of JetStream servers."),
    ErrorCode(
        10005,
        None,
        ConfigRefused,
        "The cluster has fewer JetStream servers than the replicas asked for, or they have not all met yet.",
    ),
    ErrorCode(10052, None, ConfigRefused),
    ErrorCode(10039, None, JetStreamUnavailable, "Enable JetStream for the account of this user."),
    ErrorCode(10076, None, JetStreamUnavailable, "Start nats-server with JetStream enabled (-js)."),
    ErrorCode(10035, None, JetStreamUnavailable, "Enable JetStream for the account of this user."),
    # The cluster has no leader at the moment: the request is worth repeating.
    ErrorCode(10008, None, NoVerdict),
    ErrorCode(10009, None, NoVerdict),
    # The only node of a stream or consumer without replicas is offline, or has not started it yet.
    ErrorCode(10118, None, NoVerdict),
    ErrorCode(10119, None, NoVerdict),
    ErrorCode(10194, None, NoVerdict),
    ErrorCode(10195, None, NoVerdict),
    # The server is overloaded at the moment.
    ErrorCode(10023, None, NoVerdict),
    ErrorCode(10167, None, NoVerdict),
    # A message with the same id is still being replicated in the cluster.
    ErrorCode(10158, None, Undecided),
)


def from_server(error: Mapping[str, Any], what: str) -> GovernorError:
    """Return the exception for the ``error`` object of a JetStream answer.

    ``what`` is the beginning of its message, such as "Could not create governor 'x'". An error that is not in the table
    becomes ServerError.
    """
    code = int(error.get("err_code", 0))
    text = str(error.get("description", "no description"))
    for row in ERROR_CODES:
        if row.code == code and (row.text is None or row.text in text):
            return row.error(_sentence(what, text, code, row.advice), code=code)
    return ServerError(_sentence(what, text, code, ""), code=code)


def _sentence(what: str, text: str, code: int, advice: str) -> str:
    sentence = f"{what}: the server answered '{text}' (error {code})."
    return f"{sentence} {advice}" if advice else sentence
