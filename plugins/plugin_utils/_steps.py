# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run several tasks in the place of one, each as if it stood alone."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible import constants, errors
from ansible.plugins import action as actions
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars
from ansible.vars.clean import clean_facts, namespace_facts

from ._summary import Result, facts_of, has_failed, state_of, summary
from ._wrapped import Wrapped
from ._written import ACTIONS_SET_VARIABLES

# The layer of facts, in ansible-core's order of precedence.
_FACTS: Any = actions.VariableLayer.CACHEABLE_FACT if ACTIONS_SET_VARIABLES else 0

# Keys that the line of a task tells before its result, or need not tell.
_IN_THE_LINE = ("task", "action", "failed", "skipped")

# The exception that calls a task off, which is no failure. ansible-core is about to remove it: then nothing is caught.
SKIP: Any = getattr(errors, "AnsibleActionSkip", ())


def run_steps(
    wrapped: list[Wrapped],
    outer: ActionBase,
    task_vars: dict[str, Any],
    environment: Mapping[str, str],
    show: Callable[[Result], None],
) -> Result:
    """Run the tasks one after the other until one fails, and return the one result that they come to.

    ``outer`` is the action in whose place they run. ``environment`` is added to that of each. ``show`` is called with
    the result of each, to which the names ``task`` and ``action`` are added.
    """
    results: list[Result] = []
    variables = _Variables(outer, task_vars)
    for step in wrapped:
        names = {"task": step.name, "action": step.full_name(outer)}
        register = variables.register if ACTIONS_SET_VARIABLES else None
        result = {**_run(partial(step.run, outer, task_vars, environment, register)), **names}
        variables.take(result)
        results.append(result)
        show(result)
        if has_failed(result):
            break
    variables.hand_over()
    together = summary(results)
    if "add_group" in together and not ACTIONS_SET_VARIABLES and together["changed"] and not outer._task.changed_when:
        # Without this the strategy would go by the group alone to tell whether the task has changed.
        outer._task.changed_when = [True]
    return together


def line_of(result: Result, host: str, verbosity: int) -> str:
    """Return the line about one task's result, in the form that ansible-core has for an item of a loop."""
    state = state_of(result)
    line = f"{state}: [{host}] => (task={' '.join(str(result['task']).split())})"
    if (verbosity > 0 or result.get("_ansible_verbose_always")) and not result.get("_ansible_verbose_override"):
        hidden = _IN_THE_LINE if verbosity >= 3 else (*_IN_THE_LINE, "invocation")
        shown = {key: value for key, value in result.items() if key not in hidden and not key.startswith("_ansible_")}
        return f"{line} => {json.dumps(shown, sort_keys=True, ensure_ascii=False, default=str)}"
    return f"{line}: {' '.join(str(result.get('msg', '')).split())}" if state in ("failed", "unreachable") else line


def _run(work: Callable[[], Result]) -> Result:
    """Run one task, and make a result of what its action raises, as the task executor does.

    Raising it here would lose the results of the tasks before.
    """
    try:
        return work()
    except errors.AnsibleConnectionFailure as exc:
        return {"unreachable": True, "msg": str(exc)}
    except SKIP as exc:
        return {**exc.result, "skipped": True, "msg": str(exc)}
    except errors.AnsibleError as exc:
        return {**(getattr(exc, "result", None) or {}), "failed": True, "msg": str(exc)}
    except Exception as exc:  # noqa: BLE001  # an action may raise anything
        msg = f"Unexpected failure, {type(exc).__name__}: {exc}"
        return {"failed": True, "msg": msg, "exception": traceback.format_exc()}


class _Variables:
    """The variables that tasks set for their host. The next tasks see them at once, the play in the end."""

    def __init__(self, outer: ActionBase, task_vars: dict[str, Any]) -> None:
        self._outer = outer
        self._task_vars = task_vars
        self._of_all: dict[Any, Result] = {}
        self._of_one: dict[Any, Result] = {}

    def register(self, variables: Result, layer: Any = None) -> None:
        """Note the variables of one layer. It is called instead of the action's ``register_host_variables``."""
        self._of_one[actions.VariableLayer.REGISTER_VARS if layer is None else layer] = variables

    def take(self, result: Result) -> None:
        """Settle what the action that returned this ``result`` has set."""
        of_one, self._of_one = self._of_one, {}
        # An action that has set facts in its own way does not mean those in its result.
        of_one.setdefault(_FACTS, facts_of(result))
        for layer in sorted(of_one):
            if of_one[layer]:
                self._of_all.setdefault(layer, {}).update(of_one[layer])
                self._show_to_the_next(layer, of_one[layer])

    def hand_over(self) -> None:
        """Set the variables of all tasks for the play, where ansible-core leaves that to actions (2.21 and newer)."""
        if ACTIONS_SET_VARIABLES:
            # The facts are registered even if there are none: else ansible-core would take them from the result.
            for layer, variables in {_FACTS: {}, **self._of_all}.items():
                self._outer.register_host_variables(variables, layer)

    def _show_to_the_next(self, layer: Any, variables: Result) -> None:
        """Let the next tasks see the variables, as the task executor does: for the host of the task alone."""
        task, known = self._outer._task, self._task_vars
        if task.delegate_to and task.delegate_facts:
            return
        if layer == _FACTS:
            facts = variables if ACTIONS_SET_VARIABLES else wrap_var(variables)
            known["ansible_facts"] = combine_vars(
                known.get("ansible_facts") or {}, namespace_facts(facts)["ansible_facts"]
            )
            if constants.config.get_config_value("INJECT_FACTS_AS_VARS"):
                known.update(clean_facts(facts))
        else:
            known.update(variables)
        # The templar goes by what it has made of the variables until it is given them anew.
        self._outer._templar.available_variables = known
