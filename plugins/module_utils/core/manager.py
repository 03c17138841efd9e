# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create, load, change, inspect and delete governors."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .config import Change, Condition, Desired, GovernorConfig, Plan, plan_change
from .entry import Entry
from .errors import (
    AlreadyExists,
    ConfigRefused,
    EntryGone,
    GovernorError,
    InUse,
    NoQueue,
    NotApplied,
    UnknownGovernor,
)
from .hazards import check_change, hazards
from .jetstream import JetStream, check_echo, jetstream
from .leases import Leases
from .names import stream_name
from .pause import Pause
from .stack import Stack
from .state import State
from .twins import refuse_to_be_one

if TYPE_CHECKING:
    from nats.aio.client import Client

# The first version on which the sequences of a new governor start at the clock's microseconds, so that none is ever
# used twice. Older servers lose the entries of such a stream when they restart and its first one is still there
# (nats-server#6753).
_STARTS_ANYWHERE = (2, 11, 2)

# How often to update a governor that others change at the same time, and the longest pause, in seconds, before that.
_ROUNDS = 5
_PAUSE = 0.2


class Manager:
    """A governor that exists, to look at, change and delete.

    ``state`` is as of the last request. ``changes`` are those that made or changed the governor last; ``before`` is the
    configuration that ``reconcile`` found, None when it created the governor. ``queue_condition`` is as of the last
    look at the queue, "unknown" before; ``lease_condition`` as of the last look at the leases, and before that what the
    governor says, which does not know whether their stream is there. Durations are in seconds.

    Everywhere, ``nc`` is a nats-py connection, or a JetStream for another domain, other timeouts or another logger.
    ``look_closely`` asks for the condition of the queue and of the leases, which takes up to three requests more. All
    methods raise what the requests of ``JetStream`` raise.
    """

    def __init__(
        self, js: JetStream, state: State, changes: tuple[Change, ...] = (), queue_condition: Condition = "unknown"
    ) -> None:
        self.js = js
        self.state = state
        self.changes = changes
        self.before: GovernorConfig | None = None
        self.queue_condition = queue_condition
        self.lease_condition = state.config.lease
        self.stack = Stack(state.config.name, js)
        self.queue = self.stack.queue

    # -- find or make a governor

    @classmethod
    async def load(cls, name: str, nc: Client | JetStream, look_closely: bool = False) -> Manager:
        """Load a governor.

        Raises UnknownGovernor when it does not exist, and NotAGovernor when another kind of stream has its name.
        """
        js = jetstream(nc)
        manager = cls(js, await js.until_verdict(Stack(name, js).state))
        if look_closely:
            await manager._look_closely()
        return manager

    async def _look_closely(self) -> None:
        """Look at the queue and the leases, as far as this user may."""
        self.queue_condition = await self.js.if_permitted(self.queue.condition(self.replicas)) or "unknown"
        self.lease_condition = self.state.config.lease
        if self.lease_condition == "ready":
            self.lease_condition = await self.js.if_permitted(Leases(self.js).condition(self.replicas)) or "ready"

    @classmethod
    async def find(cls, name: str, nc: Client | JetStream, look_closely: bool = False) -> Manager | None:
        """Load a governor, as ``load`` does, or return None when it does not exist."""
        try:
            return await cls.load(name, nc, look_closely)
        except UnknownGovernor:
            return None

    @classmethod
    async def create(
        cls, name: str, nc: Client | JetStream, *, limit: int, force: bool = False, **rest: Any
    ) -> Manager:
        """Create a governor. Load it when it exists with the same configuration.

        ``rest`` is ``max_age`` (in seconds, 0 for never), ``replicas``, ``subject``, ``description``, ``queue``,
        ``lease`` and ``paused``.
        Raises AlreadyExists when it has another configuration, InvalidValue, and what ``apply`` raises.
        """
        js = jetstream(nc)
        plan = plan_change(name, None, Desired(limit=limit, **rest), js.location)
        try:
            return await cls.apply(plan, js, force=force)
        except AlreadyExists:
            existing = await cls.load(name, js, look_closely=True)
            if existing.config != plan.after:
                raise
            return existing

    @classmethod
    async def ensure(cls, name: str, nc: Client | JetStream, *, limit: int | None = None, **rest: Any) -> Manager:
        """Create the governor, or change the settings that are given and differ. With ``limit`` 0, only load it.

        ``rest`` is as for ``create``. A setting that is not given stays as it is. Raises what ``reconcile`` raises, or
        ``load``.
        """
        if limit == 0:
            return await cls.load(name, nc)
        return await cls.reconcile(name, jetstream(nc), Desired(limit=limit, **rest))

    @classmethod
    async def reconcile(
        cls, name: str, js: JetStream, desired: Desired, force: bool = False, must_exist: bool = False
    ) -> Manager:
        """Create or change a governor until it is as desired, also while others change it, and return it.

        ``must_exist``: raise UnknownGovernor where there is none. JetStream cannot make an update depend on what was
        read before, so the governor is read again after each one.
        Raises ConfigRefused when it is still not as desired after 5 updates, InvalidValue, and what ``apply`` raises.
        """
        first: Plan | None = None
        lost: GovernorError | None = None
        for updates in range(_ROUNDS + 1):
            current, plan = await cls.plan(name, js, desired, must_exist)
            if first is not None and plan.changes:
                # Two callers that want different settings would go on in turns, if they updated at the same pace.
                await js.timing.sleep(js.timing.random() * _PAUSE)
                current, plan = await cls.plan(name, js, desired, must_exist)
            if current is not None and not plan.changes:
                current.before, current.changes = (first.before, first.changes) if first else (current.config, ())
                return current
            if updates == _ROUNDS:
                break
            first = first or plan
            try:
                await cls.apply(plan, js, current, force)
                lost = None
            except (AlreadyExists, NotApplied, NoQueue, UnknownGovernor) as exc:
                # The governor or its queue was created, changed or deleted by somebody else meanwhile.
                lost = exc
        raise lost or ConfigRefused(
            f"Governor '{name}' did not keep its {', '.join(change.option for change in plan.changes)}: somebody else "
            f"changed it after each of {_ROUNDS} updates. Declare the governor in one place only."
        )

    @classmethod
    async def plan(
        cls, name: str, js: JetStream, desired: Desired, must_exist: bool = False
    ) -> tuple[Manager | None, Plan]:
        """Return the governor, None where there is none, and the plan that leads from it to what is desired.

        Raises what ``plan_change`` raises, and PermissionRefused where the user asks for a queue, or for none, and may
        not read whether there is one: it would be a change each time.
        """
        current = await (cls.load if must_exist else cls.find)(name, js, look_closely=True)
        if current is not None and desired.queue is not None and current.queue_condition == "unknown":
            await current.queue.condition(current.replicas)
        return current, plan_change(name, current.config if current else None, desired, js.location)

    @classmethod
    async def apply(cls, plan: Plan, js: JetStream, current: Manager | None = None, force: bool = False) -> Manager:
        """Carry out a plan, and return the governor. ``current`` is the one that was planned for, None to create it.

        Raises what ``check_change`` raises, of which ``force`` allows a part. Raises ConfigRefused when the server
        refuses the configuration, NotApplied when it has stored another one, AlreadyExists and UnknownGovernor when
        somebody else has created or deleted the governor, and SubjectTaken when the subject leads to another stream,
        also one of another JetStream domain.
        """
        if current is not None and not plan.changes:
            current.changes = ()
            return current
        check_change(current.state if current else None, plan.after, js.server_version, js.server, force)
        name, base = plan.after.name, current.state.stream if current else None
        verb = "UPDATE" if current else "CREATE"
        wanted = plan.after.to_stream(base)
        if current is None and js.server_version >= _STARTS_ANYWHERE:
            wanted["first_seq"] = round(time.time() * 1e6)
        what = f"Could not {verb.lower()} governor '{name}'"
        if current is None or plan.after.subject != current.config.subject:
            await refuse_to_be_one(js, plan.after.subject, what)
        if plan.after.lease == "ready" and {"lease", "replicas"} & {change.option for change in plan.changes}:
            # Before anybody can acquire a slot that is to have one.
            await Leases(js).make(plan.after.replicas, what)
        info = await js.until_verdict(lambda: js.call(f"STREAM.{verb}.{stream_name(name)}", wanted, what=what))
        check_echo(wanted, info["config"], what)
        applied = cls(js, State.from_info(info), plan.changes, plan.after.queue)
        applied.lease_condition = plan.after.lease
        await (applied._adjust_queue(plan.before) if plan.before else applied._make_first_queue())
        return applied

    async def _make_first_queue(self) -> None:
        try:
            if self.queue_condition == "ready":
                await self.queue.make(self.replicas)
        except GovernorError as exc:
            # A caller that does not ask for a queue leaves it as it is, so the next one would not make it by itself.
            more = f"Governor '{self.name}' was created, but has no queue: 'queue: true' gives it one."
            raise type(exc)(f"{exc} {more}", **exc.facts) from exc

    async def _adjust_queue(self, before: GovernorConfig) -> None:
        """Make or delete the queue as the change of the governor asks for, and wake waiters for the slots it adds."""
        if self.queue_condition == "ready":
            await self.queue.make(self.replicas)
        elif self.queue_condition == "absent" and before.queue != "absent":
            await self.queue.delete()
        if before.paused:
            await self.queue.wake(self.state.room)
        elif not self.config.paused:
            await self.queue.wake(self.limit - before.limit)

    # -- its settings

    @property
    def config(self) -> GovernorConfig:
        """The settings as of the last request, with the conditions of the queue and of the leases."""
        return replace(self.state.config, queue=self.queue_condition, lease=self.lease_condition)

    @property
    def name(self) -> str:
        """The name of the governor."""
        return self.config.name

    @property
    def stream(self) -> str:
        """The name of the governor's stream."""
        return stream_name(self.name)

    @property
    def limit(self) -> int:
        """The number of slots."""
        return self.config.limit

    @property
    def max_age(self) -> float:
        """The seconds after which an entry expires, 0 for never."""
        return self.config.max_age

    @property
    def replicas(self) -> int:
        """The number of servers that store the governor."""
        return self.config.replicas

    @property
    def subject(self) -> str:
        """The subject to which entries are published."""
        return self.config.subject

    @property
    def paused(self) -> Pause | None:
        """Who has paused the governor, since when and why; None where nobody has."""
        return self.config.paused

    @property
    def connection(self) -> Client:
        """The nats-py connection."""
        return self.js.nc

    # -- change one setting: effective at once; entries are kept; errors are those of ``reconcile``, and UnknownGovernor

    async def set_limit(self, limit: int, force: bool = False) -> None:
        """Set the number of slots, and wake waiters in the queue for added ones."""
        await self._change(Desired(limit=limit), force)

    async def set_max_age(self, max_age: float) -> None:
        """Set the seconds after which an entry expires, 0 for never. It also holds for the present entries."""
        await self._change(Desired(max_age=max_age))

    async def set_subject(self, subject: str) -> None:
        """Set the subject to which entries are published."""
        await self._change(Desired(subject=subject))

    async def set_replicas(self, replicas: int) -> None:
        """Set the number of servers that store the governor, 1 to 5."""
        await self._change(Desired(replicas=replicas))

    async def pause(self, by: str, reason: str | None = None) -> None:
        """Let nobody enter until it is resumed. Who is in goes on, and who waits keeps the place in the queue.

        Where it is paused already, only a ``reason`` that is given takes the place of the one before.
        """
        await self._change(Desired(paused=Pause(by, datetime.now(timezone.utc), reason)))

    async def resume(self) -> None:
        """Let holders enter again, and wake as many waiters in the queue as there are free slots."""
        await self._change(Desired(paused=False))

    # -- its entries

    async def active(self) -> int:
        """Return the number of entries."""
        return (await self.refresh()).active

    async def last_active(self) -> datetime | None:
        """Return the server's time of the last entry that was ever made, or None when there was none."""
        return (await self.refresh()).last_active

    async def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return await self.stack.entries()

    async def evict(self, seq: int) -> str:
        """Delete an entry, whoever owns it, and return its holder. Raises EntryGone when there is none."""
        deleted = await self.stack.delete(seq, lambda _entry: None)
        if deleted is None:
            raise EntryGone(f"Governor '{self.name}' has no entry {seq}.")
        return deleted.holder

    async def reset(self) -> int:
        """Delete all entries that there are now, and return their number."""
        return await self.stack.purge()

    async def delete(self, force: bool = False) -> None:
        """Delete the governor and its queue. Raises InUse while it has entries, unless forced."""
        await self.refresh()
        self.check_deletion(force)
        # Before anything is deleted: who may not see the queue would leave it behind without a word.
        has_queue = await self.queue.exists()
        try:
            await self.js.until_verdict(
                lambda: self.js.call(f"STREAM.DELETE.{self.stream}", what=f"Could not delete governor '{self.name}'")
            )
        except UnknownGovernor:
            self.js.logger.debug("governor %s was deleted already", self.name)
        if has_queue:
            await self.queue.delete()

    def check_deletion(self, force: bool = False) -> None:
        """Raise InUse when ``state`` has entries, unless forced."""
        if self.state.active and not force:
            raise InUse(
                f"Governor '{self.name}' has {self.state.active} active entries; their holders would go on without a "
                "cap. Wait for them, or use force to delete it all the same."
            )

    async def refresh(self) -> State:
        """Read the state again, and return it."""
        self.state = await self.js.until_verdict(self.stack.state)
        return self.state

    @property
    def hazards(self) -> list[str]:
        """What is unsafe about the governor on its server, as a list of sentences."""
        return hazards(self.state.config, self.state.stream, self.js.server_version)

    async def _change(self, desired: Desired, force: bool = False) -> None:
        changed = await self.reconcile(self.name, self.js, desired, force, must_exist=True)
        self.state, self.changes = changed.state, changed.changes
        self.queue_condition, self.lease_condition = changed.queue_condition, changed.lease_condition
