# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Go program itself: clean by Go's own tools, and clear about what it is not asked right."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.tests.interop.program import Choria, ChoriaError, go_tool
from ansible_collections.jetstream.governor.tests.support.client import within


def test_it_is_formatted(work: Path) -> None:
    assert go_tool(work, "gofmt", "-d", ".") == ""


def test_it_is_vetted(work: Path) -> None:
    assert go_tool(work, "go", "vet", ".") == ""


@within(90)
@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ((), 'no command ""'),
        (("campaign",), 'no command "campaign"'),
        (("show",), "show takes 1 arguments, got 0"),
        (("show", "-fast", "x"), "flag provided but not defined: -fast"),
        (("set-limit", "x", "few"), "unknown governor"),
        (("create", "x", "few", "1h", "1"), 'parsing "few": invalid syntax'),
    ],
)
async def test_it_answers_misuse_in_json(choria: Choria, words: tuple[str, ...], answer: str) -> None:
    with pytest.raises(ChoriaError, match=answer):
        await choria.run(*words)
