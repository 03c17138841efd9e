# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is documented is what there is: options, attributes, results and the action group.

Here and not beside the tests of modules, because those have to get by without YAML.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from ansible_collections.jetstream.governor.plugins.action import governed as governed_action
from ansible_collections.jetstream.governor.plugins.action import governor_slot as slot_action
from ansible_collections.jetstream.governor.plugins.doc_fragments import attributes, campaign, connection
from ansible_collections.jetstream.governor.plugins.module_utils import _slots as slots
from ansible_collections.jetstream.governor.plugins.module_utils._campaign_options import parse_campaign
from ansible_collections.jetstream.governor.plugins.module_utils._connection_options import CONNECTION_OPTIONS
from ansible_collections.jetstream.governor.plugins.module_utils._results import (
    entry_result,
    governed_result,
    governor_result,
)
from ansible_collections.jetstream.governor.plugins.module_utils._settings import ENVIRONMENT
from ansible_collections.jetstream.governor.plugins.module_utils.core.stack import Stack
from ansible_collections.jetstream.governor.tests.unit.core.fakes import a_state, an_entry

PLUGINS = "ansible_collections.jetstream.governor.plugins"
ROOT = Path(slots.__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
CAMPAIGNERS = ("governed", "governor_slot")
SECRET = {"password", "token", "nkey_seed", "user_jwt", "user_seed"}
DEFAULTS = {"governor": "g", "holder": "web01", "run_id": None, "wait_timeout": "0", "interval": None, "backoff": None}
DEFAULTS.update(priority="normal", ageing="10m")

Options = dict[str, Any]


class Asked(Exception):
    """A module asked for its parameters; ``words`` are the arguments of its AnsibleModule."""

    def __init__(self, **words: Any) -> None:
        super().__init__(str(words))
        self.words = words


def module(name: str) -> Any:
    return import_module(f"{PLUGINS}.modules.{name}")


def documentation(name: str) -> Options:
    return cast(Options, yaml.safe_load(module(name).DOCUMENTATION))


def fragment(of: Any, variable: str = "DOCUMENTATION") -> Options:
    return cast(Options, yaml.safe_load(getattr(of.ModuleDocFragment, variable)))


def has_action(name: str) -> bool:
    return (ROOT / "plugins" / "action" / f"{name}.py").exists()


def attributes_of(name: str) -> Options:
    """Return the module's attributes as ansible-doc merges them: the fragments', updated by its own."""
    told = dict(fragment(attributes)["attributes"])
    if has_action(name):
        told.update(fragment(attributes, "ACTION")["attributes"])
    own = documentation(name)["attributes"]
    return {attribute: {**told.get(attribute, {}), **own.get(attribute, {})} for attribute in {*told, *own}}


def results(name: str) -> Options:
    return cast(Options, yaml.safe_load(module(name).RETURN))


def declared(name: str, monkeypatch: pytest.MonkeyPatch) -> Options:
    """Return the arguments of the module's AnsibleModule; for ``governed``, what its action plugin has instead."""
    if name == "governed":
        return {
            "argument_spec": governed_action.GOVERNED_OPTIONS,
            "supports_check_mode": governed_action.ActionModule._supports_check_mode,
        }

    def ask(**words: Any) -> None:
        raise Asked(**words)

    monkeypatch.setattr(module(name), "AnsibleModule", ask)
    with pytest.raises(Asked) as caught:
        module(name).main()
    return caught.value.words


def traits(option: Options) -> Options:
    """Return what documentation and argument spec both say of an option, with their defaults filled in."""
    return {
        "type": option.get("type", "str"),
        "elements": option.get("elements"),
        "required": option.get("required", False),
        "choices": option.get("choices"),
        "default": option.get("default"),
    }


def test_the_modules_are_found() -> None:
    assert {"governed", "governor_info", "governor_slot", "governor_stream"} <= set(MODULES)


def test_the_connection_options_are_documented() -> None:
    documented = fragment(connection)["options"]
    assert {name: traits(option) for name, option in documented.items()} == {
        name: traits(option) for name, option in CONNECTION_OPTIONS.items()
    }


def test_secrets_and_nothing_else_are_kept_out_of_logs() -> None:
    assert {name for name, option in CONNECTION_OPTIONS.items() if option.get("no_log")} == SECRET


@pytest.mark.parametrize("option", CONNECTION_OPTIONS)
def test_the_environment_is_documented(option: str) -> None:
    """Each option names its own variable and no other; ``user`` and ``servers`` do so beside other things."""
    text = str(fragment(connection)["options"][option]["description"])
    told = {name for name in ENVIRONMENT.values() if f"E({name})" in text}
    assert told == ({ENVIRONMENT[option]} if option in ENVIRONMENT else set())


@pytest.mark.parametrize("option", CONNECTION_OPTIONS)
def test_no_option_has_a_default_that_would_hide_the_sources_after_it(option: str) -> None:
    assert not {"default", "fallback", "required"} & set(CONNECTION_OPTIONS[option])


@pytest.mark.parametrize("name", MODULES)
def test_the_options_of_a_module_are_documented(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documentation_of = documentation(name)
    documented = {**documentation_of["options"], **fragment(connection)["options"]}
    if name in CAMPAIGNERS:
        documented.update(fragment(campaign)["options"])
    spec = declared(name, monkeypatch)["argument_spec"]
    assert {option: traits(each) for option, each in documented.items()} == {
        option: traits(each) for option, each in spec.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_the_shared_fragments(name: str) -> None:
    assert documentation(name)["extends_documentation_fragment"] == [
        *(["jetstream.governor.campaign"] if name in CAMPAIGNERS else []),
        "jetstream.governor.connection",
        f"jetstream.governor.connection.{'controller' if name == 'governed' else 'target'}",
        "jetstream.governor.attributes",
        *(["jetstream.governor.attributes.action"] if has_action(name) else []),
    ]


@pytest.mark.parametrize("name", MODULES)
def test_the_attributes_of_a_module_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = attributes_of(name)
    assert (told["check_mode"]["support"] == "full") == declared(name, monkeypatch)["supports_check_mode"]
    assert ("action" in told) == has_action(name)
    assert told["action_group"]["membership"] == ["jetstream.governor.governor"]


@pytest.mark.parametrize("name", MODULES)
def test_an_attribute_is_described_once_and_supported_or_not_in_every_module(name: str) -> None:
    """The fragment describes them, and the module says what is its own."""
    words = [word for attribute in documentation(name)["attributes"].values() for word in attribute]
    assert set(words) <= {"support", "details"}
    assert [
        attribute for attribute, told in attributes_of(name).items() if not {"support", "description"} <= set(told)
    ] == []


def test_the_action_plugin_can_do_what_the_attributes_say() -> None:
    """Without an action plugin of its own, a module has ``async`` from ansible-core."""
    assert attributes_of("governor_slot")["async"]["support"] == "full"
    assert slot_action.ActionModule._supports_async is True
    assert attributes_of("governed")["async"]["support"] == "none"
    assert governed_action.ActionModule._supports_async is False


def test_the_action_group_is_all_modules() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert sorted(runtime["action_groups"]["governor"]) == MODULES


def test_the_result_of_governor_stream_is_documented() -> None:
    state = a_state(active=1)
    assert set(results("governor_stream")) == {"governor", "changes", "removed"}
    assert set(results("governor_stream")["governor"]["contains"]) == set(governor_result(state.config, state, []))


def test_the_result_of_governor_info_is_documented() -> None:
    state = a_state(active=1)
    documented = results("governor_info")
    assert set(documented) == {"governors", "missing", "server", "result"}
    governor = documented["governors"]["contains"]
    assert set(governor) == {*governor_result(state.config, state, []), "waiting", "waiting_by_priority", "entries"}
    assert set(governor["entries"]["contains"]) == set(entry_result(an_entry(1, "web01", 1), state))


def test_the_result_of_governor_slot_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find(_stack: Stack, _wanted: Any) -> Any:
        return an_entry(1, "web01", 1)

    async def load(*_what: Any) -> Any:
        return SimpleNamespace(state=a_state(active=1), stack=Stack("g", cast(Any, None)))

    monkeypatch.setattr(slots, "load_or_predict", load)
    monkeypatch.setattr(Stack, "find", find)
    asked = parse_campaign(DEFAULTS, "r", "web01")
    request = SimpleNamespace(campaign=asked, kept=None, check_mode=False, warn=pytest.fail)
    held = asyncio.run(slots.acquire(cast(Any, None), cast(Any, request)))
    documented = results("governor_slot")
    assert set(documented) == {*held, "paused", "holders", "released", "evicted"} - {"changed", "diff"}
    assert set(documented["slot"]["contains"]) == set(held["slot"])


def test_the_result_of_governed_is_documented() -> None:
    asked = parse_campaign(DEFAULTS, "r", "web01")
    in_vain = {"active", "limit", "paused", "holders"}
    assert set(results("governed")) == {"slot", "results"}
    assert set(results("governed")["slot"]["contains"]) == {*governed_result(asked, None, None), *in_vain, "msg"}


def test_samples_are_of_the_type_that_is_documented() -> None:
    types: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "int": (int,),
        "float": (float,),
        "bool": (bool,),
        "list": (list,),
        "dict": (dict,),
    }

    def wrong(documented: Options, path: str) -> list[str]:
        found = []
        for name, each in documented.items():
            if "sample" in each and each["type"] in types and not isinstance(each["sample"], types[each["type"]]):
                found.append(f"{path}.{name}")
            found += wrong(each.get("contains", {}), f"{path}.{name}")
        return found

    assert [slip for name in MODULES for slip in wrong(results(name), name)] == []
