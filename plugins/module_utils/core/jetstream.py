# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to JetStream's API over a nats-py connection. Each returns the server's answer or raises its verdict.

nats-py's own ``JetStreamManager`` is not used because it drops what it does not know: fields of a stream's
configuration (an update would reset them), the server's clock in ``ts``, non-ASCII headers, and the text of an error
that has no code of its own. The messages are documented in NATS's ADR-1 and ADR-31.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable

from .errors import (
    ConnectionClosed,
    JetStreamUnavailable,
    NotApplied,
    NotSent,
    NoVerdict,
    PermissionRefused,
    UnknownGovernor,
    from_server,
)
from .timing import Answer, Timing, eager_task, outcome

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

Json = dict[str, Any]

_log = logging.getLogger("jetstream.governor")
_log.addHandler(logging.NullHandler())

# Seconds to go on trying to finish a slot: the machine of a single server may take that long to restart.
FINISH_PATIENCE = 60.0

# Seconds between two looks for a refused permission while a request waits: the server reports it as an error of the
# connection, never as an answer to the request.
_LOOK_FOR_REFUSAL = 0.05


class _Refusals:
    """Cancels a request as soon as ``look`` raises PermissionRefused. ``found`` is that error, None before."""

    def __init__(self, request: asyncio.Future[Msg], look: Callable[[], None]) -> None:
        self.found: PermissionRefused | None = None
        self._request = request
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(_LOOK_FOR_REFUSAL, self._again)

    def stop(self) -> None:
        self._next.cancel()

    def _again(self) -> None:
        try:
            self._look()
        except PermissionRefused as exc:
            self.found = exc
            self._request.cancel()
        else:
            self._next = self._loop.call_later(_LOOK_FOR_REFUSAL, self._again)


@dataclass(frozen=True)
class JetStream:
    """A connection to NATS, and the settings of the requests that are sent to JetStream over it.

    ``domain`` is the JetStream domain, None for the domain that the connection leads to. ``timeout`` is in seconds, for
    one request. ``patience`` is how many seconds to repeat a request after the first one that got no answer; elections
    were measured to take 4 to 9. ``background`` are the tasks of ``in_background``. ``api_prefix`` stands in place of
    ``$JS.API`` where an account imports the API of another under a name of its own.

    Every request has an argument ``what``, which is the beginning of an error's message, such as "Could not create
    governor 'x'". Every request raises ConnectionClosed when the connection was closed, PermissionRefused when the user
    lacks the permission, NotSent when the connection is lost, and NoVerdict when no answer comes within ``timeout``.
    """

    nc: Client
    domain: str | None = None
    timeout: float = 5.0
    patience: float = 15.0
    logger: logging.Logger = _log
    timing: Timing = field(default_factory=Timing)
    background: set[asyncio.Future[None]] = field(default_factory=set)
    api_prefix: str | None = None

    async def call(self, verb: str, request: Json | None = None, *, what: str) -> Json:
        """Send one request to the API, such as ``verb`` STREAM.INFO.GOVERNOR_x, and return the answer.

        Raises JetStreamUnavailable when nothing listens there, and otherwise what ``errors.ERROR_CODES`` says.
        """
        payload = json.dumps(request).encode() if request is not None else b""
        message = await self._request(self.api_subject(verb), payload, None, what)
        if message is None:
            raise JetStreamUnavailable(
                f"{what}: no JetStream answers at {self.location}. Start nats-server with JetStream enabled (-js), or "
                f"correct the {'prefix' if self.api_prefix else 'domain'}."
            )
        return self._checked(message, what)

    def api_subject(self, verb: str) -> str:
        """Return the subject of an API request, in this domain or below this prefix."""
        return f"{self.api}.{verb}"

    @property
    def api(self) -> str:
        """The prefix of the subjects of the API, which differs for each JetStream that the connection leads to."""
        return self.api_prefix or (f"$JS.{self.domain}.API" if self.domain else "$JS.API")

    async def publish(self, subject: str, body: bytes, headers: dict[str, str], *, what: str) -> Json:
        """Publish one message to a stream, and return the acknowledgement: ``stream``, ``seq``, perhaps ``duplicate``.

        Raises UnknownGovernor when no stream listens on the subject: nothing was stored then. Raises otherwise what
        ``errors.ERROR_CODES`` says.
        """
        message = await self._request(subject, body, headers, what)
        if message is None:
            raise UnknownGovernor(f"{what}: no stream listens on '{subject}'.")
        return self._checked(message, what)

    async def answers(self, subject: str, within: float, *, what: str) -> bool:
        """Ask on a subject that is no server's, and return whether anybody answers within so many seconds.

        Raises NotSent when the question was not sent, or the connection has been lost since.
        """
        try:
            heard = await replace(self, timeout=within)._request(subject, b"", None, what)
        except NotSent:
            raise
        except NoVerdict as exc:
            if not self.nc.is_connected:
                raise NotSent(str(exc)) from exc
            return False
        return heard is not None

    async def count_answers(self, subject: str, headers: dict[str, str], within: float) -> int:
        """Publish an empty message, and return how many answer it within so many seconds.

        What a lost connection or a missing permission keeps from being answered does not count, and is no error.
        """
        from nats.errors import Error

        loop, answers = asyncio.get_running_loop(), 0
        with contextlib.suppress(Error):
            subscription = await self.nc.subscribe(self.nc.new_inbox())
            try:
                await self.nc.publish(subject, b"", reply=subscription.subject, headers=headers)
                until = loop.time() + within
                while (left := until - loop.time()) > 0:
                    message = await subscription.next_msg(left)
                    # A status is the server's own word, that nobody listens.
                    answers += "Status" not in (message.headers or {})
            finally:
                await subscription.unsubscribe()
        return answers

    async def call_paged(self, verb: str, key: str, request: Json, *, what: str) -> list[Any]:
        """Return all items of a list, which is ``key`` in each answer, page by page.

        Raises NoVerdict when the items of some leaders are missing in an answer, and otherwise what ``call`` raises.
        """
        items: list[Any] = []
        while True:
            answer = await self.call(verb, {**request, "offset": len(items)}, what=what)
            page = answer.get(key) or []
            if answer.get("missing"):
                raise NoVerdict(f"{what}: no answer from the leaders of {', '.join(sorted(answer['missing']))}.")
            items += page
            if not page or len(items) >= int(answer.get("total", 0)):
                return items

    async def until_verdict(self, operation: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat ``operation``, for ``patience`` seconds at least, until the server's verdict is known.

        See ``Timing.until_verdict``.
        """
        return await self.timing.until_verdict(operation, self.patience, self.timing.clock() + self.patience)

    async def if_permitted(self, reading: Awaitable[Answer]) -> Answer | None:
        """Return what a reading finds; None where this NATS user may not read that, and can do without."""
        try:
            return await reading
        except PermissionRefused as exc:
            self.logger.debug("%s", exc)
            return None

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in a task of its own, which goes on when its caller has ended."""
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def wait_for_background(self, seconds: float) -> None:
        """Wait until the tasks of ``in_background`` have ended, for ``seconds`` at most."""
        if self.background:
            await asyncio.wait(set(self.background), timeout=seconds)

    @property
    def server_version(self) -> tuple[int, int, int]:
        """The version of the server that the connection leads to: (major, minor, patch)."""
        version = self.nc.connected_server_version
        return version.major, version.minor, version.patch

    @property
    def server(self) -> str:
        """The host and port of the server that the connection leads to, without credentials, for messages."""
        url = self.nc.connected_url
        return url.netloc.rpartition("@")[2] if url else "no server (disconnected)"

    @property
    def location(self) -> str:
        """Where the streams are, for messages: the server, and the domain or the prefix when one was chosen."""
        if self.api_prefix:
            return f"{self.server} below '{self.api_prefix}'"
        return f"{self.server} in domain '{self.domain}'" if self.domain else self.server

    async def _request(self, subject: str, payload: bytes, headers: dict[str, str] | None, what: str) -> Msg | None:
        """Send one request and return the answer, or None when nobody listens on the subject."""
        # Imported here because Ansible loads this file also where nats-py is missing, to be able to say so.
        from nats.errors import Error, NoRespondersError
        from nats.errors import TimeoutError as NoAnswer

        if self.nc.is_closed:
            raise ConnectionClosed(f"{what}: the connection to NATS is closed{self._last_error()}.")
        if not self.nc.is_connected:
            raise NotSent(f"{what}: the connection to NATS is lost{self._last_error()}.")
        before = self.nc.last_error
        request = eager_task(self.nc.request(subject, payload, self.timeout, headers=headers))
        refusals = _Refusals(request, lambda: self.raise_if_refused(subject, before, what))
        try:
            return await outcome(request)
        except asyncio.CancelledError:
            if refusals.found is None:
                raise
            raise refusals.found from None
        except NoRespondersError:
            return None
        except NoAnswer as exc:
            self.raise_if_refused(subject, before, what)
            raise NoVerdict(f"{what}: no answer within {self.timeout:g} s{self._last_error()}.") from exc
        except Error as exc:
            raise NoVerdict(f"{what}: {exc}.") from exc
        finally:
            refusals.stop()

    def raise_if_refused(self, subject: str, before: Exception | None, what: str) -> None:
        """Raise PermissionRefused when the server has refused to let this user publish to the subject.

        ``before`` is the connection's last error from before that was tried, which is of no account. A refused
        subscription to the inbox, in which all answers arrive, counts whenever it happened.
        """
        error = self.nc.last_error
        # nats-py passes on the server's words in lower case, the subject included.
        text = str(error or "").lower()
        if "permissions violation" not in text:
            return
        if error is not before and f'"{subject.lower()}"' in text:
            raise PermissionRefused(
                f"{what}: this NATS user may not publish to '{subject}'. Grant the permission to the user."
            )
        # nats-py subscribes once, with the first request: this refusal also holds for all the requests that follow.
        inbox = self.nc.new_inbox().rpartition(".")[0].lower()
        if f'subscription to "{inbox}.' in text:
            raise PermissionRefused(
                f"{what}: this NATS user may not subscribe to the inbox for answers ({text}). Grant it, or set "
                "inbox_prefix to what the user may subscribe to."
            )

    def _last_error(self) -> str:
        error = self.nc.last_error
        return f" (last error: {error or type(error).__name__})" if error is not None else ""

    def _checked(self, message: Msg, what: str) -> Json:
        try:
            answer = json.loads(message.data)
        except ValueError as exc:
            raise NoVerdict(f"{what}: the answer is not JSON: {message.data[:60]!r}.") from exc
        if "error" in answer:
            raise from_server(answer["error"], what)
        return dict(answer)


def jetstream(nc: Client | JetStream) -> JetStream:
    """Return a JetStream as it is, and a bare nats-py connection as a JetStream with the default settings."""
    return nc if isinstance(nc, JetStream) else JetStream(nc)


def check_echo(wanted: Json, echoed: Json, what: str) -> None:
    """Check that the configuration in an answer is the one that was asked for, as far as that is not empty.

    Servers drop settings that they do not know, without an error. Raises NotApplied when one is missing or differs.
    """
    dropped = [key for key, value in wanted.items() if value and not _applied(value, echoed.get(key))]
    if dropped:
        raise NotApplied(f"{what}: the server did not apply {', '.join(sorted(dropped))} as asked for.")


def _applied(wanted: Any, echoed: Any) -> bool:
    # Servers add metadata of their own.
    return wanted.items() <= (echoed or {}).items() if isinstance(wanted, dict) else bool(wanted == echoed)
