# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath queries: what they find, and where a broken one is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.query import compiled

FOUND: dict[str, Any] = {
    "governors": [{"name": "a", "active": 2, "limit": 2}, {"name": "b", "active": 0, "limit": 5}],
    "missing": ["c"],
}


@pytest.mark.parametrize(
    ("query", "result"),
    [
        ("governors[?active >= limit].name", ["a"]),
        ("governors[].{n: name, free: limit}", [{"n": "a", "free": 2}, {"n": "b", "free": 5}]),
        ("length(missing)", 1),
        ("sum(governors[].active)", 2),
        ("nothing.of.that.name", None),
        ("@", FOUND),
    ],
)
def test_a_query(query: str, result: Any) -> None:
    assert compiled(query)(FOUND) == result


@pytest.mark.parametrize(
    ("query", "character", "before"),
    [
        ("a b", 3, "a "),
        ("governors..name", 11, "governors."),
        ("governors[", 11, "governors["),
        ("governors[?active >= limit", 27, "governors[?active >= limit"),
        ("governors.", 11, "governors."),
        ("governors[*].{n: name", 22, "governors[*].{n: name"),
        ("length(governors", 17, "length(governors"),
        ("# name", 1, ""),
        ("name # x", 6, "name "),
        ("[?name == 'a]", 11, "[?name == "),
    ],
)
def test_a_broken_query_tells_where_it_is_wrong(query: str, character: int, before: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        compiled(query)
    assert str(caught.value) == (
        f"query is not JMESPath: {query!r} is wrong at character {character}, after {before!r}."
    )


def test_a_query_of_nothing() -> None:
    with pytest.raises(InvalidValue) as caught:
        compiled("")
    assert str(caught.value).startswith("query is not JMESPath: '' is wrong: ")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("nosuch(@)", "Unknown function: nosuch()"),
        ("length(governors, missing)", "Expected 1 argument for function length(), received 2"),
        ("sum(governors[].name)", "In function sum(), invalid type for value: a"),
        ("length(governors[0].active)", "In function length(), invalid type for value: 2"),
        # These two come from Python itself.
        ("governors[0:1:0]", "slice step cannot be zero"),
        ("governors[0].active > governors[0].name", "not supported between instances of"),
    ],
)
def test_a_query_that_does_not_fit_what_was_found(query: str, why: str) -> None:
    search = compiled(query)
    with pytest.raises(InvalidValue) as caught:
        search(FOUND)
    assert str(caught.value).startswith(f"query {query!r} does not fit the result: ")
    assert why in str(caught.value)
