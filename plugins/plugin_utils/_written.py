# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check what is written in a governed task. Every check raises AnsibleActionFail, with a sentence for people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase

GOVERNED = "jetstream.governor.governed"

# Since ansible-core 2.21 actions themselves set variables and make groups. Before, the strategy does so once per task,
# by what is in the result and by the action that the task has: here that is always the governed one.
ACTIONS_SET_VARIABLES = hasattr(ActionBase, "register_host_variables")

_ROLE = "the role jetstream.governor.under_slot, which runs a file of tasks under one slot"
_LATER = f"its tasks would run after this one, without the slot. There is {_ROLE}"
_READ_BEFORE = "it is read before any task runs"

# Actions that the strategy does itself, and why they cannot run here. No action plugin ever sees them.
_STRATEGY_ONLY = {
    "add_host": "it acts once for all hosts, not once per host",
    "import_playbook": _READ_BEFORE,
    "import_role": f"{_READ_BEFORE}. There is {_ROLE}",
    "import_tasks": f"{_READ_BEFORE}. There is {_ROLE}",
    "include_role": _LATER,
    "include_tasks": _LATER,
    "meta": "it acts on the play, not on a host",
}
_SETS_VARIABLES = ("include_vars", "set_fact")
_BLOCK = ("block", "rescue", "always")
_BUILTIN = ("ansible.builtin.", "ansible.legacy.")

# Words that may stand in the task inside, because they say what to run. All others belong on the task around it.
_OWN_WORDS = {"action", "args", "name"}


def check_options(args: Mapping[str, Any], known: Collection[str], is_action: Callable[[str], bool]) -> None:
    """Check that there are no arguments but the ``known`` options, and that ``task`` and ``tasks`` have their shapes.

    ``is_action`` tells whether there is an action of that name, for a sentence that helps.
    """
    for word in map(str, args):
        if word in known:
            continue
        if word in ("action", "local_action") or is_action(word):
            raise AnsibleActionFail(
                f"{word} stands among the options of {GOVERNED}: what is to be run belongs one level in, below "
                "'task:', or into the list 'tasks:'."
            )
        if _is_keyword(word) or word in (*_BLOCK, *_OWN_WORDS):
            raise AnsibleActionFail(
                f"{word} stands among the options of {GOVERNED}: a keyword of the task belongs one level out, beside "
                f"{GOVERNED}."
            )
        raise AnsibleActionFail(f"{word} is no option of {GOVERNED}, which has {', '.join(sorted(known))}.")
    task, tasks = args.get("task"), args.get("tasks")
    if isinstance(task, list):
        raise AnsibleActionFail("task is one task, not a list: several belong in 'tasks'.")
    if task is not None:
        _check_mapping(task, "task")
    if tasks is not None and not isinstance(tasks, list):
        raise AnsibleActionFail(f"tasks must be a list of tasks, not {_kind(tasks)}: one task alone belongs in 'task'.")
    for number, each in enumerate(tasks or [], 1):
        _check_mapping(each, f"Number {number} of tasks")


def check_words(written: Mapping[str, Any], several: bool) -> None:
    """Check the words of one task as it is written. ``several``: it is one of ``tasks``."""
    words = [str(word) for word in written]
    if any(word in _BLOCK for word in words):
        raise AnsibleActionFail(
            "block cannot stand inside a governed task: list what is in it under 'tasks'. For rescue, always, and "
            f"keywords on each task there is {_ROLE}."
        )
    keywords = ", ".join(sorted(word for word in words if _is_keyword(word)))
    if keywords and several:
        raise AnsibleActionFail(
            f"{keywords} cannot stand inside one of 'tasks', which have in common the keywords of the task around "
            f"them: put it there, beside {GOVERNED}, if it is meant for all. For one of its own on each task there is "
            f"{_ROLE}."
        )
    if keywords:
        raise AnsibleActionFail(
            f"{keywords} cannot stand inside a governed task: put it on the task around it, beside {GOVERNED}."
        )
    for word in words:
        # This comes before the parser, which does not know all of them.
        check_action(word)


def check_action(action: str) -> None:
    """Check that an action plugin can do it."""
    plain = plain_name(action)
    if plain in _STRATEGY_ONLY:
        raise AnsibleActionFail(f"{action} cannot run under a slot: {_STRATEGY_ONLY[plain]}.")
    if plain in _SETS_VARIABLES and not ACTIONS_SET_VARIABLES:
        raise AnsibleActionFail(
            f"{action} cannot run under a slot with ansible-core before 2.21, where what it sets would not override "
            "other variables as it does otherwise: make it a task of its own, before or after this one."
        )


def check_together(tasks: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Check that actions, given with their arguments, can be one task together.

    From one task the strategy takes one kind of statistics and, up to ansible-core 2.20, one group.
    """
    names = [plain_name(action) for action, _args in tasks]
    if names.count("group_by") > 1 and not ACTIONS_SET_VARIABLES:
        raise AnsibleActionFail(
            "group_by can stand in 'tasks' once with ansible-core before 2.21: make the others tasks of their own."
        )
    kinds = {
        (boolean(args.get("per_host") or False, strict=False), boolean(args.get("aggregate", True), strict=False))
        for name, (_action, args) in zip(names, tasks)
        if name == "set_stats"
    }
    if len(kinds) > 1:
        raise AnsibleActionFail(
            "All set_stats in 'tasks' must have the same per_host and aggregate: make the others tasks of their own."
        )


def plain_name(action: str) -> str:
    """Return the action's name without that of ansible-core's own collection."""
    for prefix in _BUILTIN:
        action = action.removeprefix(prefix)
    return action


def _check_mapping(written: Any, what: str) -> None:
    if isinstance(written, str) and written.split():
        raise AnsibleActionFail(
            f"{what} must be a mapping like a task of a playbook, not a text: write the module as a key, "
            f"'{written.split()[0]}: ...', on a line of its own."
        )
    if not isinstance(written, Mapping) or not written:
        raise AnsibleActionFail(f"{what} must be a mapping like a task of a playbook, not {_kind(written)}.")


def _kind(value: Any) -> str:
    kinds = ((str, "a text"), (list, "a list"), (Mapping, "a mapping" if value else "an empty mapping"))
    return next((name for kind, name in kinds if isinstance(value, kind)), repr(value))


def _is_keyword(word: str) -> bool:
    words = set(Task.fattributes) | {"local_action"}
    return word.startswith("with_") or word in words - _OWN_WORDS
