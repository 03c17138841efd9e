# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a governor that does not exist: which ones do."""

from __future__ import annotations

import asyncio
from typing import Any, Optional, cast

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils import _governors as governors
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import GovernorError, UnknownGovernor
from ansible_collections.jetstream.governor.plugins.module_utils.core.jetstream import JetStream
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager


def sentence(monkeypatch: pytest.MonkeyPatch, existing: Optional[list[str]]) -> str:
    """What is said of governor ``g`` where these exist; None: they may not be listed."""

    async def load(name: str, _js: JetStream) -> Manager:
        raise UnknownGovernor(f"There is no governor '{name}'.")

    async def list_governors(_js: JetStream) -> list[str]:
        if existing is None:
            raise GovernorError("no permission")
        return existing

    monkeypatch.setattr(Manager, "load", load)
    monkeypatch.setattr(governors, "list_governors", list_governors)
    with pytest.raises(UnknownGovernor) as caught:
        asyncio.run(governors.load("g", cast(Any, None)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("existing", "others"),
    [
        (None, "Which governors exist could not be read."),
        ([], "There is no governor at all."),
        (["a", "b"], "Governors that exist: a, b."),
        ([f"n{number}" for number in range(10)], "Governors that exist: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9."),
        (
            [f"n{number:02}" for number in range(12)],
            "Governors that exist: n00, n01, n02, n03, n04, n05, n06, n07, n08, n09 and 2 more.",
        ),
    ],
)
def test_those_that_exist_are_named(
    monkeypatch: pytest.MonkeyPatch, existing: Optional[list[str]], others: str
) -> None:
    assert sentence(monkeypatch, existing) == f"There is no governor 'g'. {others} governor_stream creates one."
