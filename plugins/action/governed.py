# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a task, or several, while holding a slot of a governor."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._campaign_options import campaign_options, parse_campaign
from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._governors import MAY_COME_LATER
from ..module_utils._secrecy import redact
from ..module_utils._settings import Settings, resolve
from ..module_utils.core.errors import GovernorError, WaitTimeout
from ..plugin_utils._governor_option import RELEASES, Choice, parse_governors
from ..plugin_utils._hold import HoldRequest
from ..plugin_utils._holds import Holds
from ..plugin_utils._interruption import Interruptions
from ..plugin_utils._kept import Attempt
from ..plugin_utils._play import environment_here, run_and_host
from ..plugin_utils._preload import preload, require_here
from ..plugin_utils._steps import line_of, run_steps
from ..plugin_utils._summary import Result
from ..plugin_utils._under_slots import WorkUnderSlots, telling_of, told_of
from ..plugin_utils._wrapped import Wrapped
from ..plugin_utils._written import check_options, check_together

GOVERNED_OPTIONS: dict[str, dict[str, Any]] = {
    **campaign_options(wait_timeout="forever"),
    "governor": {"type": "raw", "required": True},
    "task": {"type": "dict"},
    "tasks": {"type": "list", "elements": "dict"},
    "on_timeout": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "release": {"type": "str", "choices": list(RELEASES), "default": "always"},
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
            choices = parse_governors(_plain(options["governor"]), options["release"])
            wrapped = self._wrapped(options)
            holds = Holds(
                self._requests(options, choices, wrapped, known), self._inside(wrapped, [each.name for each in choices])
            )
        except GovernorError as exc:
            return _failure(exc)
        except AnsibleActionFail as exc:
            # It is returned too, since ansible-core up to 2.18 shows what is raised as a fault, with a traceback.
            return {"failed": True, "changed": False, "msg": exc.message}
        work = self._single(wrapped[0], known) if options["task"] is not None else self._several(wrapped, known)
        if self._task.check_mode:
            return self._predicted(holds, work)
        result = self._governed(holds, work, options)
        warnings = list(dict.fromkeys(warning for hold in holds for warning in hold.warnings))
        return {**result, "warnings": [*result.get("warnings", []), *warnings]} if warnings else result

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
        return wrapped

    def _inside(self, wrapped: list[Wrapped], names: list[str]) -> set[str]:
        """Return the governors of governed tasks inside. Raises AnsibleActionFail for one of ``names``."""
        inside = {name for each in wrapped for name in each.governors(self._task.collections)}
        for name in names:
            if name in inside:
                raise AnsibleActionFail(
                    f"A task governed by '{name}' is inside one that is governed by it already: it would wait for the "
                    "slot around it. Remove one of the two."
                )
        return inside

    def _governed(self, holds: Holds, work: Work, options: Mapping[str, Any]) -> Result:
        with Interruptions(holds.lost if options["on_lost"] == "stop" else None) as interruptions:
            try:
                holds.acquire(interruptions)
            except GovernorError as exc:
                slots = holds.facts_with(exc)
                if isinstance(exc, WaitTimeout) and options["on_timeout"] == "skip":
                    return {"skipped": True, "changed": False, "msg": str(exc), **told_of(slots)}
                return _failure(exc, slots)
            under = WorkUnderSlots(holds, options["on_lost"], interruptions)
            return under.run(partial(work, _environment(holds.facts())))

    def _predicted(self, holds: Holds, work: Work) -> Result:
        """Work without a slot (check mode), and fail where a real run would fail before its wait."""
        slots = holds.facts()
        try:
            for exc in holds.look():
                display.warning(f"{redact(str(exc))} {MAY_COME_LATER}")
        except GovernorError as exc:
            return _failure(exc, slots)
        with telling_of(slots):
            return {**work({}), **told_of(slots)}

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

    def _requests(
        self, options: Mapping[str, Any], choices: list[Choice], wrapped: list[Wrapped], known: Mapping[str, Any]
    ) -> list[HoldRequest]:
        plain = _plain({key: options[key] for key in GOVERNED_OPTIONS if key not in ("task", "tasks")})
        plain.update(holder=plain["holder"] or str(known["inventory_hostname"]), governor=choices[0].name)
        settings = resolve(plain, environment_here(self))
        require_here(settings)
        campaign = parse_campaign(plain, *run_and_host(self._task, known, plain["run_id"]))
        common = HoldRequest(
            campaign=campaign,
            settings=settings,
            tell=_nothing if self._task.no_log else partial(display.display, stderr=True),
            tell_more=_nothing if self._task.no_log else display.v,
            warn=display.warning,
            action=None if options["task"] is None else wrapped[0].full_name(self),
            stops_when_lost=options["on_lost"] == "stop",
        )
        return [
            replace(
                common,
                campaign=replace(campaign, governor=name),
                release=release,
                attempt=self._attempt(name, settings, known) if release == "on_success" else None,
                # Several slots are meant where a run id is given, to share them, and where slots are never released.
                one_only=not campaign.run_given and release != "never",
                ends_with_work=not campaign.run_given and release == "always",
            )
            for name, release in choices
        ]

    def _attempt(self, governor: str, settings: Settings, known: Mapping[str, Any]) -> Attempt:
        item = known.get(known.get("ansible_loop_var", ""))
        return Attempt(self._task._uuid, str(known["inventory_hostname"]), item, governor, settings)


def _plain(value: Any) -> Any:
    """Return the value untagged: other libraries do not take what ansible-core 2.19 has for strings and lists."""
    return json.loads(json.dumps(value, default=str))


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


def _failure(exc: GovernorError, slots: list[Result] | None = None) -> Result:
    """Return the result of a failure, with the facts about the slots, or else about the error.

    It is returned and not raised because failed_when, until and retries see only what an action returns.
    """
    told = told_of(slots) if slots is not None else exc.facts
    return {"failed": True, "changed": False, "msg": redact(str(exc)), **told}


def _environment(slots: list[Result]) -> dict[str, str]:
    """Return in what environment the work finds its slots. The sequences are fencing tokens.

    Of several, the names and the sequences are listed in one order, separated by blanks, which no name can have.
    """
    return {
        "GOVERNOR_NAME": " ".join(str(slot["governor"]) for slot in slots),
        "GOVERNOR_SEQ": " ".join(str(slot["seq"]) for slot in slots),
    }
