# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the callback learns whose slots the run has, before any task has told of one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.jetstream.governor.plugins.callback.slots import CallbackModule
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils.ledger import Ledger
from ansible_collections.jetstream.governor.plugins.plugin_utils.play import run_id
from ansible_collections.jetstream.governor.tests.unit.core.fakes import an_entry


@pytest.mark.parametrize("extra_vars", [{"awx_job_id": 7}, {}])
def test_the_run_is_known_when_a_play_begins(extra_vars: dict[str, Any]) -> None:
    # Without its constructor, which listens to signals and to the end of the process.
    callback = CallbackModule.__new__(CallbackModule)
    callback._ledger = Ledger()
    manager = SimpleNamespace(extra_vars=extra_vars)
    callback.v2_playbook_on_play_start(SimpleNamespace(get_variable_manager=lambda: manager))
    hidden = replace(an_entry(1, "web01", 5), owner=Owner.of(run_id(extra_vars), "web01", "web01"))
    assert callback._ledger.is_untold("g", hidden)
    assert not callback._ledger.is_untold("g", an_entry(1, "web01", 5))
