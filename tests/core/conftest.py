# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One real server for all tests here but those that stop or configure one, and a fresh governor for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from ansible_collections.jetstream.governor.tests.support.server import NatsServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def name() -> str:
    """A governor's name that no other test uses."""
    return f"g-{uuid.uuid4().hex[:8]}"
