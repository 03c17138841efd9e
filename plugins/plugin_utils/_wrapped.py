# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a task that is written inside another one, in that one's place: on its host, with its connection and keywords."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.mod_args import ModuleArgsParser
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase

from ._governor_option import names_in
from ._written import GOVERNED, check_action, check_words, plain_name

_WITH_COMMAND = {"command", "script", "shell"}

Register = Callable[..., None]


@dataclass(frozen=True)
class Wrapped:
    """A task that is written inside another one: its ``action`` as it was written, its ``args``, its ``name``.

    ``untemplated`` are the arguments as they stand in the playbook, for actions of ansible-core up to 2.18.
    """

    action: str
    args: dict[str, Any]
    name: str
    untemplated: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, written: Mapping[str, Any], outer: Task, untemplated: Any = None, several: bool = False) -> Wrapped:
        """Return the task that the mapping ``written`` describes inside the task ``outer``.

        ``untemplated`` is the same mapping before it was templated. ``several``: it is one of ``tasks``. Raises
        AnsibleActionFail, with a sentence, for what cannot run under a slot.
        """
        check_words(written, several)
        try:
            action, args = _action_and_args(written, outer.collections)
        except AnsibleError as exc:
            # It has no cause, whose message ansible-core would append once more.
            raise AnsibleActionFail(f"A governed task must be one task of Ansible's: {exc.message}") from None
        check_action(action)
        raw: dict[str, Any] = {}
        if isinstance(untemplated, Mapping):
            with contextlib.suppress(AnsibleError):
                raw = _action_and_args(untemplated, outer.collections)[1]
        return cls(action, args, str(written.get("name") or action), raw)

    def governors(self, collections: Any) -> set[str]:
        """Return the governors of this task, if it is a governed one, and of governed tasks inside, at any depth."""
        if self.action != GOVERNED and not self.action.endswith(".governed") and self.action != "governed":
            return set()
        inner = [self.args.get("task"), *(self.args.get("tasks") or [])]
        below = [_governors_below(written, collections) for written in inner if isinstance(written, Mapping)]
        return names_in(self.args.get("governor")).union(*below)

    def full_name(self, outer: ActionBase) -> str:
        """Return the action's name with its collection; the name as written, where there is no such action."""
        loaders, collections = outer._shared_loader_obj, outer._task.collections
        for loader in (loaders.module_loader, loaders.action_loader):
            found = loader.find_plugin_with_context(self.action, collection_list=collections)
            if found.resolved:
                return str(found.resolved_fqcn or self.action)
        return self.action

    def run(
        self,
        outer: ActionBase,
        task_vars: dict[str, Any],
        environment: Mapping[str, str],
        register: Register | None = None,
    ) -> dict[str, Any]:
        """Run it as the task executor would run it by itself, and return its result.

        ``environment`` is added to that of the task, which it overrides. ``register`` is called instead of the action's
        ``register_host_variables``, which there is since ansible-core 2.21. Raises what the action raises.
        """
        loaders = outer._shared_loader_obj
        found = loaders.module_loader.find_plugin_with_context(self.action, collection_list=outer._task.collections)
        handler, collections = self._handler(loaders, found, outer._task.collections)
        fqcn = found.resolved_fqcn if found.resolved else self.action
        task = outer._task.copy()
        task.action = self.action
        task.args = _with_defaults(fqcn, outer, task_vars, self.args)
        # That one has no environment, and warns of any.
        if environment and plain_name(self.action) != "raw":
            task.environment = [*_listed(task.environment), dict(environment)]
        if hasattr(outer._task, "untemplated_args"):
            task.untemplated_args = self.untemplated  # type: ignore[attr-defined]  # up to 2.18
        action = loaders.action_loader.get(
            handler,
            task=task,
            connection=outer._connection,
            play_context=outer._play_context,
            loader=outer._loader,
            templar=outer._templar,
            shared_loader_obj=loaders,
            collection_list=collections,
        )
        if register is not None:
            action.register_host_variables = register
        try:
            result: dict[str, Any] = action.run(task_vars=task_vars)
            return result
        finally:
            action.cleanup()
            # A governed task inside may have decided whether this one has changed: see run_steps.
            outer._task.changed_when = task.changed_when

    def _handler(self, loaders: Any, found: Any, collections: Any) -> tuple[str, Any]:
        """Return the action plugin to run it with, and the collections to look for that in.

        The order is the task executor's. Raises AnsibleActionFail where there is no such module and no such action.
        """
        if found.resolved and found.action_plugin:
            return str(found.action_plugin), collections
        if loaders.action_loader.has_plugin(self.action, collection_list=collections):
            return self.action, collections
        # Collections for network devices have one action for all modules of a platform.
        collection, dot, module = self.action.rpartition(".")
        platform = module.split("_")[0]
        platform_action = f"{collection}{dot}{platform}"
        families = constants.NETWORK_GROUP_MODULES  # type: ignore[attr-defined]  # set when it is loaded
        if platform in families and loaders.action_loader.has_plugin(platform_action, collection_list=collections):
            return platform_action, collections
        if not found.resolved:
            raise AnsibleActionFail(f"There is no module or action '{self.action}' to run under a slot.")
        return "ansible.legacy.normal", None


def _action_and_args(written: Mapping[str, Any], collections: Any) -> tuple[str, dict[str, Any]]:
    """Return the action and its arguments, as ansible-core reads them. Raises AnsibleError."""
    action, args, _delegate_to = ModuleArgsParser(task_ds=dict(written), collection_list=collections).parse()
    args = dict(args)
    if plain_name(str(action)) in _WITH_COMMAND and "cmd" in args and not args.get("_raw_params"):
        # Up to 2.18 the parser leaves this to the task.
        args["_raw_params"] = args.pop("cmd")
    return str(action), args


def _listed(environment: Any) -> list[Any]:
    """Return the environments of a task, those of the blocks around it first. Later ones override."""
    return environment if isinstance(environment, list) else [environment] if environment else []


def _governors_below(written: Mapping[str, Any], collections: Any) -> set[str]:
    # A task that cannot be read is refused when its turn comes.
    with contextlib.suppress(AnsibleError):
        return Wrapped(*_action_and_args(written, collections), "").governors(collections)
    return set()


def _with_defaults(fqcn: str, outer: ActionBase, task_vars: Mapping[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with the module_defaults for the action of that name.

    ansible-core has no public way to them, and changed the private one in 2.19.
    """
    from ansible.executor import module_common

    task, templar = outer._task, outer._templar
    if hasattr(module_common, "_apply_action_arg_defaults"):
        merged: dict[str, Any] = module_common._apply_action_arg_defaults(fqcn, task, args, templar)
        return merged
    merged = module_common.get_action_args_with_defaults(  # type: ignore[attr-defined]  # up to 2.18
        fqcn, args, task.module_defaults, templar, action_groups=task.get_play()._action_groups
    )
    return _without_omitted(merged, task_vars.get("omit"))


def _without_omitted(args: dict[str, Any], omit: Any) -> dict[str, Any]:
    """Return the arguments without those that are ``omit``, at any depth: a mark in ansible-core up to 2.18."""
    if omit is None:
        return args
    return {
        key: _without_omitted(value, omit) if isinstance(value, dict) else value
        for key, value in args.items()
        if not (isinstance(value, str) and value == omit)
    }
