# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option ``governor`` of a governed task: a name, or a list of names and of mappings. Pure.

It is no list by its type: Ansible would take a text for a list at its commas, which a name may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..module_utils.core.errors import InvalidValue
from ..module_utils.core.names import check_name

RELEASES = ("always", "on_success", "never")

_KEYS = ("name", "release")


class Choice(NamedTuple):
    """One governor of a task, and when its slot is released."""

    name: str
    release: str


def parse_governors(given: Any, release: str) -> list[Choice]:
    """Return the governors of a task, in its order. ``release`` is the task's own, for those that have none.

    Raises InvalidValue, with a sentence, for what names no governors, or one of them twice.
    """
    if not isinstance(given, (list, tuple)):
        return [_choice(given, release, "governor")]
    if not given:
        raise InvalidValue("governor is an empty list: it needs the name of a governor at least.")
    choices = [_choice(each, release, f"Number {number} of governor") for number, each in enumerate(given, 1)]
    names = [choice.name for choice in choices]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(
                f"governor names '{name}' twice: a task acquires one slot of each governor. Name it once, or give the "
                "governor a lower limit."
            )
    return choices


def names_in(given: Any) -> set[str]:
    """Return the names in such an option, as far as there are any."""
    each_given = given if isinstance(given, (list, tuple)) else [given]
    return {str(each.get("name")) if isinstance(each, Mapping) else str(each) for each in each_given}


def _choice(given: Any, release: str, what: str) -> Choice:
    if not isinstance(given, Mapping):
        return Choice(check_name(_text(given, what)), release)
    unknown = ", ".join(sorted(str(key) for key in given if key not in _KEYS))
    if unknown:
        raise InvalidValue(f"{what} has {unknown}, but can have nothing but {' and '.join(_KEYS)}.")
    if given.get("name") is None:
        raise InvalidValue(f"{what} is a mapping without a name.")
    own = given.get("release")
    if own is not None and own not in RELEASES:
        raise InvalidValue(f"{what}: release must be one of {', '.join(RELEASES)}, not {own!r}.")
    return Choice(check_name(_text(given["name"], what)), release if own is None else str(own))


def _text(given: Any, what: str) -> str:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise InvalidValue(f"{what} must be a name, or a mapping with a name and a release, not {given!r}.")
    return str(given)
