# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that go over the wire: their forms, and what is refused with which sentence."""

from __future__ import annotations

from typing import Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import InvalidValue
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import (
    ALL_QUEUES,
    Owner,
    campaign_subject,
    check_collective,
    check_label,
    check_name,
    check_subject,
    governor_name,
    queue_stream_name,
    queue_subject,
    stream_name,
    whose,
)


@pytest.mark.parametrize("name", ["cron", "a", "web-upgrades_2", "größe", "x" * 246, "a:b", "$x"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name
    assert stream_name(name) == f"GOVERNOR_{name}"
    assert governor_name(stream_name(name)) == name
    assert queue_stream_name(name) == f"GOVQUEUE_{name}"


FORBIDDEN = "must be printable, without blanks, dots, slashes, backslashes and the wildcards * and >"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "A governor's name must not be empty."),
        ("a b", f"A governor's name {FORBIDDEN}, not 'a b'."),
        ("a.b", f"A governor's name {FORBIDDEN}, not 'a.b'."),
        ("a*", f"A governor's name {FORBIDDEN}, not 'a*'."),
        (">", f"A governor's name {FORBIDDEN}, not '>'."),
        ("a/b", f"A governor's name {FORBIDDEN}, not 'a/b'."),
        ("a\\b", f"A governor's name {FORBIDDEN}, not 'a\\\\b'."),
        ("a\nb", f"A governor's name {FORBIDDEN}, not 'a\\nb'."),
        ("a\tb", f"A governor's name {FORBIDDEN}, not 'a\\tb'."),
        ("a\u00a0b", f"A governor's name {FORBIDDEN}, not 'a\\xa0b'."),
        ("." * 300, f"A governor's name {FORBIDDEN}, not '{'.' * 57}...'."),
        ("x" * 300, "A governor's name must be at most 246 bytes long, not 300."),
        ("ü" * 124, "A governor's name must be at most 246 bytes long, not 248."),
    ],
)
def test_bad_names(name: str, sentence: str) -> None:
    for refused in (check_name, stream_name, campaign_subject, queue_stream_name, queue_subject):
        with pytest.raises(InvalidValue) as caught:
            refused(name)
        assert str(caught.value) == sentence


def test_a_collective_is_checked_as_a_name_is() -> None:
    assert check_collective("mcollective") == "mcollective"
    with pytest.raises(InvalidValue, match=f"^A collective's name {FORBIDDEN.replace('*', '.')}, not 'a.b'"):
        campaign_subject("cron", "a.b")


def test_subjects() -> None:
    assert campaign_subject("cron") == "$GOVERNOR.campaign.cron"
    assert campaign_subject("cron", "mcollective") == "mcollective.governor.cron"
    assert queue_subject("cron") == "$GOVERNOR.queue.cron"


def test_a_queue_is_not_taken_for_a_governor_and_all_lines_are_told_apart_from_campaigns() -> None:
    assert governor_name(queue_stream_name("cron")) is None
    assert ALL_QUEUES == "$GOVERNOR.queue.*"
    assert len(queue_stream_name("x" * 246)) <= len(stream_name("x" * 246)) == 255


@pytest.mark.parametrize("subject", ["a", "a.b", "$GOVERNOR.campaign.x", "ä.b-c_d"])
def test_good_subjects(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize("subject", ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\nb", "a\r\nPUB b"])
def test_bad_subjects(subject: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_subject(subject)
    assert str(caught.value) == (
        f"A governor's subject must be tokens joined by single dots, without blanks and wildcards, not {subject!r}."
    )


@pytest.mark.parametrize("stream", ["", "GOVERNOR_", "GOVERNOR", "governor_x", "ORDERS", "XGOVERNOR_x"])
def test_streams_that_are_not_named_like_a_governor(stream: str) -> None:
    assert governor_name(stream) is None


@pytest.mark.parametrize("label", ["web01", "web 01", "wéb01.example.org", "日本", "x" * 255, "a/b"])
def test_good_labels(label: str) -> None:
    assert check_label(label, "A holder") == label


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("", "A holder must not be empty."),
        ("   ", "A holder must not be empty."),
        ("web\n01", "A holder must be printable and on one line, not 'web\\n01'."),
        ("web\r\nX: y", "A holder must be printable and on one line, not 'web\\r\\nX: y'."),
        ("x" * 100_000, "A holder must be at most 255 bytes long, not 100000."),
        ("ü" * 128, "A holder must be at most 255 bytes long, not 256."),
    ],
)
def test_bad_labels(label: str, sentence: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_label(label, "A holder")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("run_id", "host", "holder", "written"),
    [
        ("r1", "", "web01", "r1//web01"),
        ("r1", "web01", "web01", "r1/web01/web01"),
        ("r1", "", "a/b", "r1//a/b"),
        ("läuf", "wéb", "deploy of shop", "läuf/wéb/deploy of shop"),
        ("awx-7@ctl1.example.org", "a/b", "/", "awx-7@ctl1.example.org/a%2Fb//"),
        ("100%", "50%2F%25/", "%2F", "100%/50%252F%2525%2F/%2F"),
    ],
)
def test_an_owner_is_taken_apart_as_it_was_put_together(run_id: str, host: str, holder: str, written: str) -> None:
    owner = Owner.of(run_id, holder, host)
    assert str(owner) == written
    assert Owner.parse(written) == owner == (run_id, host, holder)


@pytest.mark.parametrize("owner", [None, "", "no slash", "one/slash"])
def test_what_carries_no_owner(owner: Optional[str]) -> None:
    assert Owner.parse(owner) is None


def test_whose_a_slot_is_in_sentences() -> None:
    assert whose("r1", "web01") == "host 'web01' of run 'r1'"
    assert (whose("r1", ""), whose("r1", None)) == ("the whole run 'r1'", "run 'r1'")


def test_bad_owners() -> None:
    with pytest.raises(InvalidValue, match=r"^A run id must not contain a slash, as 'a/b' does\.$"):
        Owner.of("a/b", "web01")
    with pytest.raises(InvalidValue, match=r"^A run id must not be empty\.$"):
        Owner.of("", "web01")
    with pytest.raises(InvalidValue, match=r"^A holder must not be empty\.$"):
        Owner.of("r1", "")
    with pytest.raises(InvalidValue, match=r"^A host's name must be printable and on one line, not 'web\\n1'\.$"):
        Owner.of("r1", "web01", "web\n1")
