# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, and the table that turns the server's verdicts into it.

GovernorError
├── InvalidValue            a name, number, duration or setting that no server would need to be asked about
├── UnknownGovernor         no stream GOVERNOR_<name>
├── AlreadyExists           created by somebody else meanwhile, with another configuration
├── NotAGovernor            a stream of that name which does not behave as a governor
├── SubjectTaken            the campaign subject belongs to another stream, here or in another JetStream domain
├── WaitTimeout             no slot within the time given
├── GovernorFull            this try was refused (seen by callers only where they try once)
├── EntryGone               no entry of that sequence
├── NoQueue                  the governor has no queue, or a broken one
├── PlaceLost               a waiter's place in the queue is gone (it joins again)
├── NotOwner                the entry is somebody else's
├── InUse                   refused because holders would lose their slots
├── PermissionRefused       the NATS user may not do this
├── JetStreamUnavailable    the server, or the account, has no JetStream
├── ConfigRefused           the server will not have this configuration
│   └── NotApplied           what it has after a change is not what was asked for
├── ConnectionClosed        the connection was given up; it will not come back
├── ServerError             any other verdict: the server's own words
└── NoVerdict               no answer came; what was asked may have been done
    ├── NotSent             no answer can come; nothing was sent
    └── Undecided           the server has seen the entry, and has neither stored nor refused it so far
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class GovernorError(Exception):
    """Base of all. ``facts`` go into the result of a module beside the message."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class InvalidValue(GovernorError):
    pass


class UnknownGovernor(GovernorError):
    pass


class AlreadyExists(GovernorError):
    pass


class NotAGovernor(GovernorError):
    pass


class SubjectTaken(GovernorError):
    pass


class WaitTimeout(GovernorError):
    pass


class GovernorFull(GovernorError):
    pass


class EntryGone(GovernorError):
    pass


class NoQueue(GovernorError):
    pass


class PlaceLost(GovernorError):
    pass


class NotOwner(GovernorError):
    pass


class InUse(GovernorError):
    pass


class PermissionRefused(GovernorError):
    pass


class JetStreamUnavailable(GovernorError):
    pass


class ConfigRefused(GovernorError):
    pass


class NotApplied(ConfigRefused):
    pass


class ConnectionClosed(GovernorError):
    pass


class ServerError(GovernorError):
    pass


class NoVerdict(GovernorError):
    pass


class NotSent(NoVerdict):
    pass


class Undecided(NoVerdict):
    pass


class Verdict(NamedTuple):
    """One row: the server's error code, a piece of its text (None: any), what it means here, and what to do."""

    code: int
    text: str | None
    error: type[GovernorError]
    advice: str = ""


# Codes are those of nats-server's errors.json. The text counts where one code has several meanings: 10077 is also
# a stream's maximum bytes, 10057 any failed delete. The first row that fits decides.
VERDICTS: tuple[Verdict, ...] = (
    Verdict(10077, "maximum messages exceeded", GovernorFull),
    Verdict(10059, None, UnknownGovernor),
    Verdict(10037, None, EntryGone),
    Verdict(10043, None, EntryGone),
    Verdict(10057, "no message found", EntryGone),
    Verdict(10057, "stream store EOF", EntryGone),
    Verdict(10014, None, NoQueue),
    Verdict(10058, None, AlreadyExists),
    Verdict(10065, None, SubjectTaken, "Choose another subject, or remove the stream that has it."),
    Verdict(10060, None, SubjectTaken, "The campaign subject leads to another stream: look at both streams."),
    Verdict(10074, None, ConfigRefused, "More than one replica needs a cluster of JetStream servers."),
    Verdict(10005, None, ConfigRefused, "The cluster has fewer JetStream servers than the replicas asked for."),
    Verdict(10052, None, ConfigRefused),
    Verdict(10039, None, JetStreamUnavailable, "Enable JetStream for the account of this user."),
    Verdict(10076, None, JetStreamUnavailable, "Start nats-server with JetStream enabled (-js)."),
    Verdict(10035, None, JetStreamUnavailable, "Enable JetStream for the account of this user."),
    # The cluster has no leader at the moment: ask again.
    Verdict(10008, None, NoVerdict),
    Verdict(10009, None, NoVerdict),
    # The node of a stream or consumer without replicas is away, or does not run it yet.
    Verdict(10118, None, NoVerdict),
    Verdict(10119, None, NoVerdict),
    Verdict(10194, None, NoVerdict),
    Verdict(10195, None, NoVerdict),
    # The server has more to do than it can take at the moment.
    Verdict(10023, None, NoVerdict),
    Verdict(10167, None, NoVerdict),
    # A message of the same id is on its way through the cluster.
    Verdict(10158, None, Undecided),
)


def from_server(error: Mapping[str, Any], what: str) -> GovernorError:
    """The exception for an ``error`` object of a JetStream answer; ``what`` says what was being done."""
    code = int(error.get("err_code", 0))
    text = str(error.get("description", "no description"))
    for row in VERDICTS:
        if row.code == code and (row.text is None or row.text in text):
            return row.error(_sentence(what, text, code, row.advice), code=code)
    return ServerError(_sentence(what, text, code, ""), code=code)


def _sentence(what: str, text: str, code: int, advice: str) -> str:
    sentence = f"{what}: the server answered '{text}' (error {code})."
    return f"{sentence} {advice}" if advice else sentence
