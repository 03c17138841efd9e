# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fresh governor for each test."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"
