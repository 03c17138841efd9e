# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lane of ansible-test: the collection's sanity, units and integration under one line of ansible-core."""

from __future__ import annotations

from typing import Literal

import pythons
from common import copy_tree, in_venv, install_server, make_venv, path_with, pytest, script
from places import HERE, copy_of, server_binary
from requirements import PRERELEASE, ansible
from steps import Lane, Step

OLD_TARGET = "3.9"
"""The oldest Python that a module has to run on; the collection's own code on the controller never does."""
SANITY_OF_CORE = ("action-plugin-docs", "ansible-doc", "import", "pep8", "runtime-metadata", "validate-modules")
"""The sanity tests whose verdict depends on ansible-core. What the others find, they find under each alike."""


def ansible_lane(
    core: str,
    versions: list[str],
    server: str,
    *,
    weight: int,
    sanity: Literal["", "all", "of core"] = "",
    without: tuple[str, ...] = (),
    governed: Literal["", "all", "of core"] = "",
    old_target: tuple[str, ...] = (),
) -> Lane:
    """The lane for that line of ansible-core, on the first of these Pythons that works here.

    ``weight``: about how many seconds it takes. ``sanity``: which tests of it, "of core" being SANITY_OF_CORE on that
    Python alone. ``without``: integration targets to leave out. ``governed``: which tests of real playbooks, "of core"
    being those that depend on ansible-core. ``old_target``: integration targets whose modules run on the oldest Python,
    where there is one.
    """
    name, about = f"ansible-{core}", f"ansible-test of ansible-core {core} with nats-server {server}"
    python, counts = pythons.find(*versions), core != PRERELEASE
    if python is None:
        return Lane(name, about, counts=counts, skip=pythons.missing(*versions))
    copy, short = copy_of(name), python.name.removeprefix("python")

    def test(step: str, bound: float, *words: str, skip: str = "") -> Step:
        argv = [in_venv(name, "ansible-test"), *words, "--color", "no"]
        return Step(step, argv, bound, env=path_with(name), cwd=copy, skip=skip)

    steps = [
        make_venv(name, python, ansible(core)),
        install_server(server),
        copy_tree(name),
        Step("get-pip", [in_venv(name, "python"), str(HERE / "prime_get_pip.py")], 120, setup=True),
        Step(
            "integration-config",
            script("configure_integration.py", str(copy), str(server_binary(server))),
            10,
            setup=True,
        ),
    ]
    if sanity == "all":
        steps.append(test("sanity", 900, "sanity", "--local"))
    elif sanity:
        chosen = [word for name in SANITY_OF_CORE for word in ("--test", name)]
        steps.append(test("sanity", 600, "sanity", "--local", "--python", short, *chosen))
    steps.append(test("units", 300, "units", "--local", "--python", short))
    elsewhere = old_target if pythons.find(OLD_TARGET) else ()
    left_out = [word for target in (*without, *elsewhere) for word in ("--exclude", target)]
    steps.append(test("integration", 1500, "integration", "--local", "--python", short, *left_out))
    if governed:
        marked = "" if governed == "all" else "not one_core"
        steps.append(pytest("governed", name, "tests/governed", 900, server, marked=marked))
    if old_target:
        pair = ["--controller", f"origin:python={short}", "--target", f"controller:python=venv/{OLD_TARGET}"]
        words = ["integration", "--requirements", *pair, *old_target]
        skip = "" if elsewhere else pythons.missing(OLD_TARGET)
        steps.append(test(f"integration-on-{OLD_TARGET}", 900, *words, skip=skip))
    return Lane(name, about, steps, weight=weight, counts=counts)
