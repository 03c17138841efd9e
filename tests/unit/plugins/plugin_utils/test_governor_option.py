# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which governors a task names, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.plugin_utils._governor_option import names_in, parse_governors


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        ("db", [("db", "always")]),
        ("a,b", [("a,b", "always")]),
        (7, [("7", "always")]),
        (["db", "rack-1"], [("db", "always"), ("rack-1", "always")]),
        ({"name": "db", "release": "never"}, [("db", "never")]),
        ([{"name": "db"}, {"name": 7, "release": "on_success"}], [("db", "always"), ("7", "on_success")]),
        ([{"name": "db", "release": None}, "x"], [("db", "always"), ("x", "always")]),
    ],
)
def test_what_may_be_written(given: Any, choices: list[tuple[str, str]]) -> None:
    assert parse_governors(given, "always") == choices
    assert names_in(given) == {name for name, _release in choices}


def test_the_release_of_the_task_is_that_of_those_without_one() -> None:
    given = ["db", {"name": "hourly", "release": "never"}]
    assert parse_governors(given, "on_success") == [("db", "on_success"), ("hourly", "never")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "governor is an empty list: it needs the name of a governor at least."),
        ("", "A governor's name must not be empty."),
        (["db", ""], "A governor's name must not be empty."),
        (None, "governor must be a name, or a mapping with a name and a release, not None."),
        (True, "governor must be a name, or a mapping with a name and a release, not True."),
        (["db", ["x"]], "Number 2 of governor must be a name, or a mapping with a name and a release, not ['x']."),
        (["db", {"name": "db"}], "governor names 'db' twice: a task acquires one slot of each governor."),
        ([{"nmae": "db", "limit": 3}], "Number 1 of governor has limit, nmae, but can have nothing but name and rel"),
        ([{"release": "never"}], "Number 1 of governor is a mapping without a name."),
        ([{"name": "db", "release": "Never"}], "Number 1 of governor: release must be one of always, on_success, nev"),
        (["a b"], "A governor's name must be printable, without blanks"),
    ],
)
def test_what_is_refused(given: Any, says: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_governors(given, "always")
    assert str(caught.value).startswith(says)
