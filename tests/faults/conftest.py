# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fresh cluster of three for each test, since most tests break theirs, and one for all those that leave it whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.jetstream.governor.tests.support.server import NatsServer, cluster


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[NatsServer]]:
    with cluster(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    with cluster(tmp_path_factory.mktemp("unbroken")) as running:
        yield running


@pytest.fixture
def name() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"
