# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.jetstream.governor.tests.support.history import most_at_once


def most_lines_at_once(lines: Iterable[str]) -> int:
    """Of lines that say when a work began and when it ended: how much of it was going on at once."""
    return most_at_once((float(start), float(end)) for start, end in (line.split() for line in lines))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"most_lines_at_once": most_lines_at_once}
