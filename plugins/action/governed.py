# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleAction, AnsibleActionFail, AnsibleConnectionFailure
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.campaign_options import campaign_options, parse_campaign
from ..module_utils.connection_options import CONNECTION_OPTIONS
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError, UnknownGovernor, WaitTimeout
from ..module_utils.governors import TO_COME
from ..module_utils.settings import Settings, redact, resolve
from ..plugin_utils.hold import Hold, HoldRequest
from ..plugin_utils.interruption import Interruptions
from ..plugin_utils.kept import Attempt
from ..plugin_utils.libraries import preload, require_here
from ..plugin_utils.local_work import end_local_work
from ..plugin_utils.play import run_and_host
from ..plugin_utils.steps import SKIP, line_of, run_steps
from ..plugin_utils.summary import Result, has_failed
from ..plugin_utils.wrapped import Wrapped
from ..plugin_utils.written import check_options, check_together

GOVERNED_OPTIONS: dict[str, dict[str, Any]] = {
    **campaign_options(wait_timeout="forever"),
    "task": {"type": "dict"},
    "tasks": {"type": "list", "elements": "dict"},
    "on_timeout": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "release": {"type": "str", "choices": ["always", "on_success", "never"], "default": "always"},
    "on_lost": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
    **CONNECTION_OPTIONS,
}

display = Display()

# Strategies load this file in ansible-playbook itself, to look at the class, before they fork the first worker for it.
preload()


class ActionModule(ActionBase):
    """Waits for a slot, runs another task in its own place, and releases the slot: one task, so no deadlock."""

    # The slot would end when the job has begun.
    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> Result:
        known = task_vars or {}
        try:
            options = self._options()
            super().run(tmp, task_vars)
            wrapped = self._wrapped(options)
            hold = Hold(self._request(options, wrapped, known))
        except GovernorError as exc:
            return _failure(exc)
        except AnsibleActionFail as exc:
            # Returned too: of what is raised ansible-core up to 2.18 tells as of a fault, with a traceback.
            return {"failed": True, "changed": False, "msg": exc.message}
        work = self._single(wrapped[0], known) if options["task"] is not None else self._several(wrapped, known)
        return self._foretold(hold, work) if self._task.check_mode else self._governed(hold, work, options)

    def _options(self) -> dict[str, Any]:
        if self._task.async_val:
            raise AnsibleActionFail(
                "A governed task cannot run in the background (async): the slot would be released before the job "
                "has ended. Remove async, or start the job inside a governed task that waits for it."
            )
        check_options(self._task.args, GOVERNED_OPTIONS, self._is_action)
        _valid, options = self.validate_argument_spec(  # type: ignore[no-untyped-call]
            GOVERNED_OPTIONS, mutually_exclusive=[["task", "tasks"]], required_one_of=[["task", "tasks"]]
        )
        return dict(options)

    def _is_action(self, word: str) -> bool:
        loaders, collections = self._shared_loader_obj, self._task.collections
        return any(
            loader.has_plugin(word, collection_list=collections)
            for loader in (loaders.module_loader, loaders.action_loader)
        )

    def _wrapped(self, options: Mapping[str, Any]) -> list[Wrapped]:
        # As the task has them, templated: what the argument spec made of them has lost what may be trusted.
        written = _written(self._task.args)
        untemplated = _written(getattr(self._task, "untemplated_args", {})) or [None] * len(written)
        if not written:
            raise AnsibleActionFail("tasks is empty: there is nothing to run under a slot.")
        if options["task"] is not None:
            wrapped = [Wrapped.parse(written[0], self._task, untemplated[0])]
        else:
            pairs = zip(written, untemplated)
            wrapped = [_one_of_tasks(number, each, self._task, raw) for number, (each, raw) in enumerate(pairs, 1)]
        check_together([(each.action, each.args) for each in wrapped])
        if any(options["governor"] in each.governors(self._task.collections) for each in wrapped):
            raise AnsibleActionFail(
                f"A task governed by '{options['governor']}' is inside one that is governed by it already: it would "
                "wait for the slot around it. Remove one of the two."
            )
        return wrapped

    def _governed(self, hold: Hold, work: Callable[[], Result], options: Mapping[str, Any]) -> Result:
        with Interruptions() as interruptions:
            try:
                hold.acquire(interruptions)
            except GovernorError as exc:
                slot = {**hold.facts(), **exc.facts}
                if isinstance(exc, WaitTimeout) and options["on_timeout"] == "skip":
                    return {"skipped": True, "changed": False, "msg": str(exc), "slot": slot}
                return _failure(exc, slot)
            return WorkUnderSlot(hold, options, interruptions).run(work)

    def _foretold(self, hold: Hold, work: Callable[[], Result]) -> Result:
        """In check mode: no slot, but what makes a real run fail does so here too."""
        slot = hold.facts()
        try:
            hold.look()
        except UnknownGovernor as exc:
            display.warning(f"{redact(str(exc))} {TO_COME}")
        except GovernorError as exc:
            return _failure(exc, slot)
        with _told_of(slot):
            return {**work(), "slot": slot}

    def _single(self, wrapped: Wrapped, known: dict[str, Any]) -> Callable[[], Result]:
        def work() -> Result:
            try:
                return wrapped.run(self, known)
            except AnsibleConnectionFailure as exc:
                # Of what is raised here ansible-core keeps nothing but the message, and the slot would not be told of.
                return {"unreachable": True, "changed": False, "msg": str(exc)}

        return work

    def _several(self, wrapped: list[Wrapped], known: dict[str, Any]) -> Callable[[], Result]:
        def show(result: Result) -> None:
            if not (self._task.no_log or result.get("_ansible_no_log")):
                # Not on stdout, which some callbacks keep for their own format.
                display.display(line_of(result, known["inventory_hostname"], display.verbosity), stderr=True)

        return lambda: run_steps(wrapped, self, known, show)

    def _environment(self) -> dict[str, str]:
        """In which a module of this task would run here."""
        own: dict[str, Any] = {}
        self._compute_environment_string(own)
        return {**os.environ, **{str(name): str(value) for name, value in own.items()}}

    def _request(self, options: Mapping[str, Any], wrapped: list[Wrapped], known: Mapping[str, Any]) -> HoldRequest:
        # Tagged values of ansible-core 2.19 and later are no plain str and list to other libraries.
        plain = json.loads(json.dumps({key: options[key] for key in GOVERNED_OPTIONS if key not in ("task", "tasks")}))
        settings = resolve(plain, self._environment())
        require_here(settings)
        plain["holder"] = plain["holder"] or str(known["inventory_hostname"])
        campaign = parse_campaign(plain, *run_and_host(self._task, known, plain["run_id"]))
        return HoldRequest(
            campaign=campaign,
            settings=settings,
            tell=_nothing if self._task.no_log else partial(display.display, stderr=True),
            tell_more=_nothing if self._task.no_log else display.v,
            action=None if options["task"] is None else wrapped[0].full_name(self),
            attempt=self._attempt(campaign.governor, settings, known) if options["release"] == "on_success" else None,
            # A run id that is given is shared on purpose; slots that are never released pile up on purpose.
            one_only=not campaign.run_given and options["release"] != "never",
        )

    def _attempt(self, governor: str, settings: Settings, known: Mapping[str, Any]) -> Attempt:
        item = known.get(known.get("ansible_loop_var", ""))
        return Attempt(self._task._uuid, str(known["inventory_hostname"]), item, governor, settings)


class WorkUnderSlot:
    """Work under a slot that is held, and what becomes of the slot afterwards."""

    def __init__(self, hold: Hold, options: Mapping[str, Any], interruptions: Interruptions) -> None:
        self._hold = hold
        self._options = options
        self._interruptions = interruptions

    def run(self, work: Callable[[], Result]) -> Result:
        slot = self._hold.facts()
        try:
            with _told_of(slot), self._interruptions.working(self._release_quietly):
                result = work()
        except Exception as exc:
            slot.update(self._release(failed=not isinstance(exc, SKIP)))
            raise
        except BaseException:
            # Ansible's task timeout: what was started on the controller is still at work.
            end_local_work()
            self._release(failed=True)
            raise
        slot.update(self._release(failed=has_failed(result)))
        if slot.get("lost") and self._options["on_lost"] == "fail":
            result = {**result, "failed": True, "msg": slot["msg"]}
        return {**result, "slot": slot}

    def _release_quietly(self) -> None:
        """In the middle of anything: the work may have the locks that it takes to show a warning."""
        if self._options["release"] == "always":
            with contextlib.suppress(GovernorError):
                self._hold.release(self._interruptions)

    def _release(self, failed: bool) -> Result:
        """Release the slot, if it is to be released; what is to be told of it."""
        release = self._options["release"]
        if release == "never" or (release == "on_success" and (failed or self._hold.is_kept_by_another)):
            return self._hold.keep()
        try:
            lost = not self._hold.release(self._interruptions)
        except GovernorError as exc:
            display.warning(f"The slot could not be released; max_age ends it. {redact(str(exc))}")
            return {**self._hold.facts(), "released": False}
        facts: Result = {**self._hold.facts(), "released": not lost, "lost": lost}
        self._hold.request.tell_more(
            f"{facts['holder']} {'lost' if lost else 'released'} slot {facts['seq']} of {facts['governor']} after "
            f"{format_duration(facts['held'])}"
        )
        if lost:
            facts["msg"] = (
                f"The slot of {facts['holder']} in governor '{facts['governor']}' was lost while it worked (evicted, "
                "expired, or the governor was deleted): more may have worked at once than the limit allows. Set "
                "max_age longer than the longest work."
            )
            display.warning(facts["msg"])
        return facts


def _nothing(_line: str) -> None:
    pass


def _written(args: Mapping[str, Any]) -> list[Any]:
    """What is to be run, as it stands there; nothing where a template stands for the whole."""
    if args.get("task") is not None:
        return [args["task"]]
    tasks = args.get("tasks")
    return tasks if isinstance(tasks, list) else []


def _one_of_tasks(number: int, written: Any, outer: Task, untemplated: Any) -> Wrapped:
    try:
        return Wrapped.parse(written, outer, untemplated, several=True)
    except AnsibleActionFail as exc:
        raise AnsibleActionFail(f"Number {number} of tasks: {exc.message}") from None


def _failure(exc: GovernorError, slot: Result | None = None) -> Result:
    """Returned, not raised: failed_when, until and retries see only what an action returns."""
    told = {"slot": slot} if slot is not None else exc.facts
    return {"failed": True, "changed": False, "msg": redact(str(exc)), **told}


@contextlib.contextmanager
def _told_of(slot: Result) -> Iterator[None]:
    """The slot, as it is in the end, becomes part of what ansible-core makes of an exception."""
    try:
        yield
    except AnsibleAction as exc:
        # Since 2.19 ``result`` is a copy.
        result = getattr(exc, "_result", exc.result)
        result["slot"] = slot
        raise
