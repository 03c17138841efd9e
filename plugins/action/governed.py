# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a task, or several, while holding a slot of a governor."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleAction, AnsibleActionFail, AnsibleConnectionFailure
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._campaign_options import campaign_options, parse_campaign
from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._governors import MAY_COME_LATER
from ..module_utils._secrecy import redact
from ..module_utils._settings import Settings, resolve
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError, UnknownGovernor, WaitTimeout
from ..plugin_utils._hold import Hold, HoldRequest
from ..plugin_utils._interruption import Interruptions
from ..plugin_utils._kept import Attempt
from ..plugin_utils._local_work import end_local_work
from ..plugin_utils._play import environment_here, run_and_host
from ..plugin_utils._preload import preload, require_here
from ..plugin_utils._steps import SKIP, line_of, run_steps
from ..plugin_utils._summary import Result, has_failed
from ..plugin_utils._wrapped import Wrapped
from ..plugin_utils._written import check_options, check_together

GOVERNED_OPTIONS: dict[str, dict[str, Any]] = {
    **campaign_options(wait_timeout="forever"),
    "task": {"type": "dict"},
    "tasks": {"type": "list", "elements": "dict"},
    "on_timeout": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "release": {"type": "str", "choices": ["always", "on_success", "never"], "default": "always"},
    "on_lost": {"type": "str", "choices": ["warn", "fail", "stop"], "default": "warn"},
    **CONNECTION_OPTIONS,
}

display = Display()

# What is done under a slot, which gets the environment that tells of it.
Work = Callable[[Mapping[str, str]], Result]

# Strategies load this file in ansible-playbook itself, before they fork the first worker for the task.
preload()


class ActionModule(ActionBase):
    """The action of ``governed``: wait for a slot, run another task in its own place, and release the slot."""

    # In the background, the slot would be released when the job has begun.
    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Return the result of the task inside, with the slot beside it; in check mode without acquiring one.

        What is refused or fails here is a result too. Raises what the action inside raises.
        """
        known = task_vars or {}
        try:
            options = self._options()
            super().run(tmp, task_vars)
            wrapped = self._wrapped(options)
            hold = Hold(self._request(options, wrapped, known))
        except GovernorError as exc:
            return _failure(exc)
        except AnsibleActionFail as exc:
            # It is returned too, since ansible-core up to 2.18 shows what is raised as a fault, with a traceback.
            return {"failed": True, "changed": False, "msg": exc.message}
        work = self._single(wrapped[0], known) if options["task"] is not None else self._several(wrapped, known)
        if self._task.check_mode:
            return self._predicted(hold, work)
        result = self._governed(hold, work, options)
        return {**result, "warnings": [*result.get("warnings", []), *hold.warnings]} if hold.warnings else result

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
        # They are taken from the task, templated. The argument spec has made copies that lost which values to trust.
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

    def _governed(self, hold: Hold, work: Work, options: Mapping[str, Any]) -> Result:
        with Interruptions(hold.lost if hold.request.stops_when_lost else None) as interruptions:
            try:
                hold.acquire(interruptions)
            except GovernorError as exc:
                slot = {**hold.facts(), **exc.facts}
                if isinstance(exc, WaitTimeout) and options["on_timeout"] == "skip":
                    return {"skipped": True, "changed": False, "msg": str(exc), "slot": slot}
                return _failure(exc, slot)
            return WorkUnderSlot(hold, options, interruptions).run(partial(work, _environment(hold.facts())))

    def _predicted(self, hold: Hold, work: Work) -> Result:
        """Work without a slot (check mode), and fail where a real run would fail before its wait."""
        slot = hold.facts()
        try:
            hold.look()
        except UnknownGovernor as exc:
            display.warning(f"{redact(str(exc))} {MAY_COME_LATER}")
        except GovernorError as exc:
            return _failure(exc, slot)
        with _told_of(slot):
            return {**work({}), "slot": slot}

    def _single(self, wrapped: Wrapped, known: dict[str, Any]) -> Work:
        def work(environment: Mapping[str, str]) -> Result:
            try:
                return wrapped.run(self, known, environment)
            except AnsibleConnectionFailure as exc:
                # ansible-core keeps nothing but the message of what is raised here, and would lose the slot.
                return {"unreachable": True, "changed": False, "msg": str(exc)}

        return work

    def _several(self, wrapped: list[Wrapped], known: dict[str, Any]) -> Work:
        def show(result: Result) -> None:
            if not (self._task.no_log or result.get("_ansible_no_log")):
                # stdout may be in a format of its own, as some callbacks have it.
                display.display(line_of(result, known["inventory_hostname"], display.verbosity), stderr=True)

        return lambda environment: run_steps(wrapped, self, known, environment, show)

    def _request(self, options: Mapping[str, Any], wrapped: list[Wrapped], known: Mapping[str, Any]) -> HoldRequest:
        # Other libraries do not take the tagged values of ansible-core 2.19 and newer for plain strings and lists.
        plain = json.loads(json.dumps({key: options[key] for key in GOVERNED_OPTIONS if key not in ("task", "tasks")}))
        settings = resolve(plain, environment_here(self))
        require_here(settings)
        plain["holder"] = plain["holder"] or str(known["inventory_hostname"])
        campaign = parse_campaign(plain, *run_and_host(self._task, known, plain["run_id"]))
        return HoldRequest(
            campaign=campaign,
            settings=settings,
            tell=_nothing if self._task.no_log else partial(display.display, stderr=True),
            tell_more=_nothing if self._task.no_log else display.v,
            warn=display.warning,
            action=None if options["task"] is None else wrapped[0].full_name(self),
            attempt=self._attempt(campaign.governor, settings, known) if options["release"] == "on_success" else None,
            # Several slots are meant where a run id is given, to share them, and where slots are never released.
            one_only=not campaign.run_given and options["release"] != "never",
            ends_with_work=not campaign.run_given and options["release"] == "always",
            must_expire=options["release"] == "never",
            stops_when_lost=options["on_lost"] == "stop",
        )

    def _attempt(self, governor: str, settings: Settings, known: Mapping[str, Any]) -> Attempt:
        item = known.get(known.get("ansible_loop_var", ""))
        return Attempt(self._task._uuid, str(known["inventory_hostname"]), item, governor, settings)


class WorkUnderSlot:
    """Do work under a slot that is held, and release or keep the slot afterwards."""

    def __init__(self, hold: Hold, options: Mapping[str, Any], interruptions: Interruptions) -> None:
        """Make it; ``options`` are the task's, of which ``release`` and ``on_lost`` count."""
        self._hold = hold
        self._options = options
        self._interruptions = interruptions

    def run(self, work: Callable[[], Result]) -> Result:
        """Do the work, and return its result with the slot in it, failed if the slot was lost and that matters.

        Raises what the work raises, with the slot in the result that ansible-core makes of it.
        """
        slot = self._hold.facts()
        try:
            with _told_of(slot), self._interruptions.working(self._release_quietly):
                result = work()
        except Exception as exc:
            slot.update(self._release(failed=not isinstance(exc, SKIP)))
            if self._interruptions.stopped:
                return self._lost({}, slot)
            raise
        except BaseException:
            # It is the timeout of the task, or the loss of a slot: what it has started on the controller is still at
            # work.
            end_local_work()
            slot.update(self._release(failed=True))
            if self._interruptions.stopped:
                return self._lost({}, slot)
            raise
        slot.update(self._release(failed=has_failed(result)))
        if self._interruptions.stopped or (slot.get("lost") and self._options["on_lost"] != "warn"):
            return self._lost(result, slot)
        return {**result, "slot": slot}

    def _lost(self, result: Result, slot: Result) -> Result:
        """Return the result of work that has failed because its slot was lost; ``result`` is its own, if it has one."""
        return {"changed": True, **result, "failed": True, "msg": slot["msg"], "slot": slot}

    def _release_quietly(self) -> None:
        """Release the slot while the work stands still, if it is to be released after the work whatever happens.

        Nothing is shown: the work may hold the locks that it takes to show a warning.
        """
        if self._options["release"] == "always":
            with contextlib.suppress(GovernorError):
                self._hold.release(self._interruptions)

    def _release(self, failed: bool) -> Result:
        """Release or keep the slot, as the task's options and the end of the work ask for, and return its facts."""
        release = self._options["release"]
        keeps = release == "never" or (release == "on_success" and (failed or self._hold.is_kept_by_another))
        # A slot that is lost is not there to be kept.
        if keeps and not self._interruptions.stopped:
            return self._hold.keep()
        try:
            gone = not self._hold.release(self._interruptions)
        except GovernorError as exc:
            facts: Result = {**self._hold.facts(), "released": False}
            ends = "its lease" if facts["lease"] else "max_age"
            display.warning(f"The slot could not be released; {ends} ends it. {redact(str(exc))}")
            lost = self._interruptions.stopped
        else:
            lost = gone or self._interruptions.stopped
            facts = {**self._hold.facts(), "released": not gone, "lost": lost}
            self._hold.request.tell_more(
                f"{facts['holder']} {'lost' if lost else 'released'} slot {facts['seq']} of {facts['governor']} after "
                f"{format_duration(facts['held'])}"
            )
        if lost:
            facts.update(lost=True, msg=self._sentence(facts))
            display.warning(facts["msg"])
        return facts

    def _sentence(self, facts: Result) -> str:
        why = self._hold.lost() or "it was evicted, it has expired, or the governor was deleted"
        advice = "" if facts["lease"] else " Set max_age longer than the longest work."
        return (
            f"The slot of {facts['holder']} in governor '{facts['governor']}' was lost while it worked ({why}): more "
            f"may have worked at once than the limit allows.{advice}"
        )


def _nothing(_line: str) -> None:
    pass


def _written(args: Mapping[str, Any]) -> list[Any]:
    """Return what is to be run, as it stands in these arguments; empty where a template stands for the whole list."""
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
    """Return the result of a failure, with the facts about the slot, or else about the error.

    It is returned and not raised because failed_when, until and retries see only what an action returns.
    """
    told = {"slot": slot} if slot is not None else exc.facts
    return {"failed": True, "changed": False, "msg": redact(str(exc)), **told}


@contextlib.contextmanager
def _told_of(slot: Result) -> Iterator[None]:
    """Make the slot a part of the result that ansible-core makes of an exception.

    It is the dict itself: what becomes of the slot later is seen there too.
    """
    try:
        yield
    except AnsibleAction as exc:
        # Since ansible-core 2.19 ``result`` is a copy of it.
        result = getattr(exc, "_result", exc.result)
        result["slot"] = slot
        raise


def _environment(slot: Result) -> dict[str, str]:
    """Return in what environment the work finds its slot. The sequence is a fencing token."""
    return {"GOVERNOR_NAME": str(slot["governor"]), "GOVERNOR_SEQ": str(slot["seq"])}
