# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath queries: what they find, and where a broken one is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils._query import Query
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue

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
    assert Query(query).search(FOUND) == result


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
        Query(query)
    assert str(caught.value) == (
        f"query is not JMESPath: {query!r} is wrong at character {character}, after {before!r}."
    )


def test_a_query_of_nothing() -> None:
    with pytest.raises(InvalidValue) as caught:
        Query("")
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
    made = Query(query)
    with pytest.raises(InvalidValue) as caught:
        made.search(FOUND)
    assert str(caught.value).startswith(f"query {query!r} does not fit the result: ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("governors[].entries[].holder", True),
        ("governors[].[name, entries]", True),
        ('governors[*]."entries"', True),
        ("governors[?length(entries) > `1`].name", True),
        ("governors[?entries[?holder == 'db01']].name", True),
        ("sort_by(governors, &entries[0].age)[-1:].{who: name}", True),
        ("missing && !governors[0].entries || missing | [0]", True),
        ("governors[].name", False),
        ("@", False),
        # Only the name of what is made, a text, and a longer word.
        ("governors[].{entries: active}", False),
        ("governors[?name == 'entries'] | [`{\"entries\": 1}`]", False),
        ("governors[].max_entries", False),
        ("governors[0:2].name", False),
    ],
)
def test_what_a_query_asks_for(query: str, asks: bool) -> None:
    assert Query(query).names("entries") is asks
