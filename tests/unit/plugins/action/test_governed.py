# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a slot that no server took back: the work was done all the same."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ansible_collections.jetstream.governor.plugins.action import governed
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.plugin_utils.hold import Hold
from ansible_collections.jetstream.governor.plugins.plugin_utils.interruption import Interruptions


class HoldWithoutServer:
    def leave(self, _interruptions: Interruptions) -> bool:
        raise NoVerdict("Could not connect to nats://u:secret@h:4222.")

    def facts(self) -> dict[str, Any]:
        return {"governor": "g", "seq": 3}


def test_a_slot_that_could_not_be_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(governed.display, "warning", warnings.append)
    options = {"release": "always", "on_lost": "fail"}
    under = governed._Under(cast(Hold, HoldWithoutServer()), options, Interruptions())
    result = under.run(lambda: {"rc": 0})
    assert result == {"rc": 0, "slot": {"governor": "g", "seq": 3, "released": False}}
    assert warnings == ["The slot could not be given back; max_age ends it. Could not connect to nats://***@h:4222."]
