# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make one result of several tasks, from which the strategy takes what it would take from each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.utils.vars import merge_hash

from ._written import ACTIONS_SET_VARIABLES, plain_name

Result = dict[str, Any]

_OF_ALL = ("warnings", "deprecations")
_STATES = ("unreachable", "failed", "skipped", "changed")

# Facts that are no loss, since they are found again.
_DISCOVERED = ("discovered_interpreter_", "ansible_discovered_interpreter_")


def has_failed(result: Result) -> bool:
    """Tell whether a task has failed, as the task executor does: by its rc where the action does not say."""
    return bool(result.get("failed") or result.get("unreachable") or result.get("rc") not in (None, 0, "0"))


def state_of(result: Result) -> str:
    """Return how the task ended, in ansible-core's words: unreachable, failed, skipped, changed or ok."""
    if not result.get("unreachable") and has_failed(result):
        return "failed"
    return next((state for state in _STATES if result.get(state)), "ok")


def facts_of(result: Result) -> Result:
    """Return the facts in the result of one task. What debug shows is not one, whatever its name."""
    return {} if plain_name(str(result.get("action"))) == "debug" else result.get("ansible_facts") or {}


def summary(results: list[Result]) -> Result:
    """Return the one result of the tasks that were run, of which there is at least one.

    Each result has the names ``task`` and ``action`` in it.
    """
    last = results[-1]
    unreachable = bool(last.get("unreachable"))
    together: Result = {
        "changed": any(result.get("changed") for result in results),
        "failed": has_failed(last) and not unreachable,
        "results": [_registered(result) for result in results],
        **_of_the_strategy(results),
    }
    if unreachable:
        together["unreachable"] = True
    if has_failed(last):
        together["msg"] = f"{last['task']}: {last.get('msg', 'failed')}"
        _warn_of_what_is_lost(together)
    elif all(result.get("skipped") for result in results):
        together.update(skipped=True, msg=last.get("msg", "All were skipped."))
    return together


def _registered(result: Result) -> Result:
    """Return one task's result as ``register`` would have it, without what counts for the whole."""
    told = {key: value for key, value in result.items() if key not in _OF_ALL and not key.startswith("_ansible_")}
    return {"changed": False, "failed": state_of(result) == "failed", **told}


def _of_the_strategy(results: list[Result]) -> Result:
    """Return what the strategy acts on, by its key in a result: warnings, facts, statistics, differences, groups."""
    found: Result = {"warnings": [], "deprecations": [], "ansible_facts": {}, "ansible_stats": {}, "diff": []}
    for result in results:
        for key in _OF_ALL:
            found[key] += result.get(key) or []
        found["ansible_facts"].update(facts_of(result))
        if result.get("ansible_stats"):
            _add_stats(found, result)
        if result.get("changed") and result.get("diff"):
            found["diff"] += result["diff"] if isinstance(result["diff"], list) else [result["diff"]]
        for key in ("add_group", "parent_groups", "_ansible_no_log"):
            if result.get(key):
                found[key] = result[key]
    return {key: value for key, value in found.items() if value}


def _add_stats(found: Result, result: Result) -> None:
    before, stats = found["ansible_stats"], result["ansible_stats"]
    if not before:
        found["ansible_stats"] = {**stats, "data": dict(stats.get("data") or {})}
        return
    if any(before.get(kind) != stats.get(kind) for kind in ("per_host", "aggregate")):
        found["warnings"].append(
            f"The statistics of '{result['task']}' are left out: a task has one kind of them, and its per_host or "
            "aggregate is not that of the tasks before it."
        )
        return
    data = before["data"]
    for name, value in (stats.get("data") or {}).items():
        data[name] = _added(data[name], value) if stats.get("aggregate") and name in data else value


def _added(before: Any, value: Any) -> Any:
    """Return the sum of two statistics. As in ansible-core, a value of another type is left out."""
    if not (isinstance(value, type(before)) or isinstance(before, type(value))):
        return before
    if isinstance(before, Mapping):
        return merge_hash(before, value)
    return before + value


def _warn_of_what_is_lost(together: Result) -> None:
    facts = [name for name in together.get("ansible_facts", {}) if not name.startswith(_DISCOVERED)]
    lost = [
        *(["facts"] if facts else []),
        *(["statistics"] if "ansible_stats" in together else []),
        *(["groups"] if "add_group" in together and not ACTIONS_SET_VARIABLES else []),
    ]
    if lost:
        together.setdefault("warnings", []).append(
            f"What the tasks before '{together['results'][-1]['task']}' have set is lost ({', '.join(lost)}): of a "
            "task that fails, ansible-core keeps nothing but its result."
        )
