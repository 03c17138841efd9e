# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The soak counts what is reaped by what the reaper logs."""

from __future__ import annotations

import inspect
import logging

from ansible_collections.jetstream.governor.plugins.module_utils.core import reaper
from ansible_collections.jetstream.governor.tests.soak.reaped import LOGGER, REAPED, tell_reaped


def test_the_sequence_is_told() -> None:
    told: list[int] = []
    logger = logging.getLogger(LOGGER)
    before = logger.handlers[:], logger.propagate
    try:
        tell_reaped(told.append)
        logger.warning("something else")
        logger.warning(REAPED + " %s, who has given no sign of life", 7, "db", "web01")
    finally:
        logger.handlers[:], logger.propagate = before
    assert told == [7]


def test_the_reaper_logs_in_these_words() -> None:
    assert REAPED in inspect.getsource(reaper)
