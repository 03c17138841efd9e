# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""On PYTHONPATH: as if nats-py were not installed."""

from __future__ import annotations

import sys

sys.modules["nats"] = None  # type: ignore[assignment]  # what the import system takes for "there is none"
