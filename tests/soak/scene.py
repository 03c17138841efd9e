# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault may break, and where it is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.jetstream.governor.tests.soak.crowd import Crowd
from ansible_collections.jetstream.governor.tests.soak.history import History
from ansible_collections.jetstream.governor.tests.soak.stage import Stage
from ansible_collections.jetstream.governor.tests.soak.workforce import Workforce


class Scene(NamedTuple):
    """``longest``: seconds for which anything stands still at most."""

    stage: Stage
    crowd: Crowd
    workforce: Workforce
    history: History
    longest: float
    tell: Callable[[str], None]
