# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries as a server tells them, also those of Go clients."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.entry import (
    Entry,
    entry_headers,
    format_time,
    parse_time,
)
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)


def message(body: bytes, headers: Optional[dict[str, str]] = None, **rest: Any) -> dict[str, Any]:
    """What STREAM.MSG.GET answers."""
    answer = {"seq": 7, "data": base64.b64encode(body).decode(), "time": "2026-03-01T12:00:00Z", **rest}
    if headers:
        block = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        answer["hdrs"] = base64.b64encode(block.encode()).decode()
    return answer


def test_an_entry_of_ours() -> None:
    entry = Entry.from_message(message("wéb01".encode(), entry_headers(Owner("läuf", "wéb", "wéb01"), "t-1")))
    assert entry == Entry(seq=7, holder="wéb01", owner=Owner("läuf", "wéb", "wéb01"), token="t-1", time=NOON)
    assert (entry.run_id, entry.host, entry.whose) == ("läuf", "wéb", "host 'wéb' of run 'läuf'")


def test_the_headers_of_an_entry() -> None:
    assert entry_headers(Owner("r", "a/b", "h"), "t") == {
        "Nats-Msg-Id": "t",
        "Governor-Token": "t",
        "Governor-Owner": "r/a%2Fb/h",
    }
    assert entry_headers(None, "t") == {"Nats-Msg-Id": "t", "Governor-Token": "t"}


def test_an_entry_of_a_go_client_has_no_headers() -> None:
    entry = Entry.from_message(message(b"node1"))
    assert (entry.holder, entry.owner, entry.token, entry.run_id, entry.host) == ("node1", None, None, None, None)


def test_foreign_headers_and_colons_in_values() -> None:
    headers = {"Trace": "a", "Governor-Owner": "2026-03-01T12:00:00//web:01", "Governor-Token": "t"}
    entry = Entry.from_message(message(b"web:01", headers))
    assert entry.owner == Owner("2026-03-01T12:00:00", "", "web:01")


def test_an_entry_without_a_body() -> None:
    answer = message(b"")
    del answer["data"]
    assert Entry.from_message(answer).holder == ""


def test_a_holder_that_is_not_utf8() -> None:
    assert Entry.from_message(message(b"web\xff")).holder == "web\ufffd"


@pytest.mark.parametrize(
    ("holder", "shown"),
    [
        ("web01", "web01"),
        ("wéb 01", "wéb 01"),
        ("web\n01", "web\\n01"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 57 + "..."),
    ],
)
def test_a_holder_in_a_sentence_is_on_one_line_and_ends(holder: str, shown: str) -> None:
    assert Entry.from_message(message(holder.encode())).shown == shown


@pytest.mark.parametrize(
    ("fraction", "micros"),
    [
        ("", 0),
        (".1", 100_000),
        (".12", 120_000),
        (".123", 123_000),
        (".1234", 123_400),
        (".12345", 123_450),
        (".123456", 123_456),
        (".1234567", 123_456),
        (".12345678", 123_456),
        (".123456789", 123_456),
        (".000000001", 0),
    ],
)
def test_times_have_zero_to_nine_digits(fraction: str, micros: int) -> None:
    assert parse_time(f"2026-03-01T12:00:00{fraction}Z") == NOON + timedelta(microseconds=micros)


def test_times_in_other_zones_are_told_in_utc() -> None:
    told = parse_time("2026-03-01T14:30:00.5+02:30")
    assert told == NOON + timedelta(seconds=0.5)
    assert told.tzinfo is timezone.utc
    assert parse_time("0001-01-01T00:00:00Z").year == 1


@pytest.mark.parametrize(
    "text", ["", "now", "2026-03-01", "2026-03-01 12:00:00Z", "2026-03-01T12:00:00", "2026-03-01T12:00:00.Z"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        parse_time(text)


def test_times_as_they_are_returned() -> None:
    assert format_time(None) is None
    assert format_time(NOON) == "2026-03-01T12:00:00.000Z"
    elsewhere = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 3, 1, 14, 0, 0, 123_999, tzinfo=elsewhere)) == "2026-03-01T12:00:00.123Z"


def test_age_and_end() -> None:
    entry = Entry.from_message(message(b"web01"))
    assert entry.age(NOON + timedelta(seconds=2.5)) == 2.5
    assert entry.age(NOON - timedelta(seconds=1)) == 0
    assert entry.expires_at(0) is None
    assert entry.expires_at(90) == NOON + timedelta(seconds=90)
