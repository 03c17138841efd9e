# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleAction, AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.campaign_options import backoff_policy, campaign_options, interval_seconds, wait_seconds
from ..module_utils.core.durations import format_duration
from ..module_utils.core.errors import GovernorError, WaitTimeout
from ..module_utils.core.names import check_name, owner_of
from ..module_utils.options import CONNECTION_OPTIONS
from ..module_utils.settings import redact, resolve
from ..plugin_utils.hold import Hold, Request
from ..plugin_utils.interruption import Interruptions
from ..plugin_utils.libraries import require_here
from ..plugin_utils.local_work import end_local_work
from ..plugin_utils.play import run_and_host
from ..plugin_utils.wrapped import Wrapped

GOVERNED_OPTIONS: dict[str, dict[str, Any]] = {
    **campaign_options(wait_timeout="forever"),
    "task": {"type": "dict"},
    "tasks": {"type": "list", "elements": "dict"},
    "on_timeout": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "release": {"type": "str", "choices": ["always", "on_success", "never"], "default": "always"},
    "on_lost": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
    **CONNECTION_OPTIONS,
}

Result = dict[str, Any]
display = Display()


class ActionModule(ActionBase):
    """Waits for a slot, runs another task in its own place, and gives the slot back: one task, so no deadlock."""

    # The slot would end when the job has begun.
    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> Result:
        if self._task.async_val:
            raise AnsibleActionFail(
                "A governed task cannot run in the background (async): the slot would be given back before the job "
                "has ended. Remove async, or start the job inside a governed task that waits for it."
            )
        super().run(tmp, task_vars)
        known = task_vars or {}
        _valid, options = self.validate_argument_spec(  # type: ignore[no-untyped-call]
            GOVERNED_OPTIONS, mutually_exclusive=[["task", "tasks"]], required_one_of=[["task", "tasks"]]
        )
        try:
            return self._governed(options, self._wrapped(options), known)
        except GovernorError as exc:
            # Returned, not raised: failed_when, until and retries see only what an action returns.
            return {**exc.facts, "failed": True, "changed": False, "msg": redact(str(exc))}

    def _wrapped(self, options: Mapping[str, Any]) -> list[Wrapped]:
        # As the task has them, templated: what the argument spec made of them has lost what may be trusted.
        written = _written(self._task.args)
        untemplated = _written(getattr(self._task, "untemplated_args", {})) or [None] * len(written)
        if not written:
            raise AnsibleActionFail("tasks is empty: there is nothing to run under a slot.")
        wrapped = [Wrapped.parse(each, self._task, raw) for each, raw in zip(written, untemplated)]
        if any(options["governor"] in each.governors(self._task.collections) for each in wrapped):
            raise AnsibleActionFail(
                f"A task governed by '{options['governor']}' is inside one that is governed by it already: it would "
                "wait for the slot around it. Remove one of the two."
            )
        return wrapped

    def _governed(self, options: Mapping[str, Any], wrapped: list[Wrapped], known: dict[str, Any]) -> Result:
        work = self._single(wrapped[0], known) if options["task"] is not None else self._several(wrapped, known)
        request = self._request(options, known)
        hold = Hold(request)
        if self._task.check_mode:
            return {**work(), "slot": hold.facts()}
        with Interruptions() as interruptions:
            try:
                hold.enter(interruptions)
            except WaitTimeout as exc:
                if options["on_timeout"] == "fail":
                    raise
                return {"skipped": True, "changed": False, "msg": str(exc), "slot": {**hold.facts(), **exc.facts}}
            return _Under(hold, options, interruptions).run(work)

    def _single(self, wrapped: Wrapped, known: dict[str, Any]) -> Callable[[], Result]:
        return lambda: wrapped.run(self, known)

    def _several(self, wrapped: list[Wrapped], known: dict[str, Any]) -> Callable[[], Result]:
        """One after the other, until one fails; what they register as facts is there for the host afterwards."""

        def work() -> Result:
            results: list[Result] = []
            facts: Result = {}
            for each in wrapped:
                try:
                    result = each.run(self, known)
                except AnsibleActionFail as exc:
                    result = {**(exc.result or {}), "failed": True, "msg": str(exc)}
                results.append({**result, "task": each.name})
                facts.update(result.get("ansible_facts") or {})
                if _failed(result):
                    break
            return _summary(results, facts)

        return work

    def _request(self, options: Mapping[str, Any], known: Mapping[str, Any]) -> Request:
        # Tagged values of ansible-core 2.19 and later are no plain str and list to other libraries.
        plain = json.loads(json.dumps({key: options[key] for key in GOVERNED_OPTIONS if key not in ("task", "tasks")}))
        settings = resolve(plain, os.environ)
        require_here(settings)
        holder = plain["holder"] or str(known["inventory_hostname"])
        run, host = run_and_host(self._task, known, plain["run_id"])
        return Request(
            governor=check_name(plain["governor"]),
            holder=holder,
            owner=owner_of(run, holder, host),
            wait_timeout=wait_seconds(plain["wait_timeout"]),
            interval=interval_seconds(plain["interval"]),
            backoff=backoff_policy(plain["backoff"]),
            settings=settings,
            tell=_nothing if self._task.no_log else partial(display.display, stderr=True),
            tell_more=_nothing if self._task.no_log else display.v,
        )


class _Under:
    """Work under a slot that is held, and what becomes of the slot afterwards."""

    def __init__(self, hold: Hold, options: Mapping[str, Any], interruptions: Interruptions) -> None:
        self._hold = hold
        self._options = options
        self._interruptions = interruptions

    def run(self, work: Callable[[], Result]) -> Result:
        slot = self._hold.facts()
        try:
            with self._interruptions.working(self._leave_quietly):
                result = work()
        except AnsibleAction as exc:
            slot.update(self._leave(failed=True))
            if isinstance(getattr(exc, "result", None), dict):
                exc.result["slot"] = slot
            raise
        except Exception:
            self._leave(failed=True)
            raise
        except BaseException:
            # Ansible's task timeout: what was started on the controller is still at work.
            end_local_work()
            self._leave(failed=True)
            raise
        slot.update(self._leave(failed=_failed(result)))
        if slot.get("lost") and self._options["on_lost"] == "fail":
            result = {**result, "failed": True, "msg": slot["msg"]}
        return {**result, "slot": slot}

    def _leave_quietly(self) -> None:
        """In the middle of anything: the work may have the locks that it takes to show a warning."""
        if self._options["release"] == "always":
            with contextlib.suppress(GovernorError):
                self._hold.leave(self._interruptions)

    def _leave(self, failed: bool) -> Result:
        """Give the slot back, if it is to be given back; what is to be told of it."""
        release = self._options["release"]
        if release == "never" or (release == "on_success" and failed):
            return self._hold.keep()
        try:
            lost = not self._hold.leave(self._interruptions)
        except GovernorError as exc:
            display.warning(f"The slot could not be given back; max_age ends it. {redact(str(exc))}")
            return {**self._hold.facts(), "released": False}
        facts: Result = {**self._hold.facts(), "released": not lost, "lost": lost}
        self._hold.request.tell_more(
            f"{facts['holder']} {'lost' if lost else 'gave back'} slot {facts['seq']} of {facts['governor']} after "
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


def _failed(result: Result) -> bool:
    """As the task executor has it: by rc where an action does not say."""
    return bool(result.get("failed") or result.get("unreachable") or result.get("rc") not in (None, 0, "0"))


def _summary(results: list[Result], facts: Result) -> Result:
    last = results[-1]
    summary: Result = {
        "changed": any(result.get("changed") for result in results),
        "failed": _failed(last),
        "results": results,
    }
    if facts:
        summary["ansible_facts"] = facts
    if summary["failed"]:
        summary["msg"] = f"{last['task']}: {last.get('msg', 'failed')}"
    return summary
