# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the waiters of this process say that they have reaped: they log it, and that is all that they tell."""

from __future__ import annotations

import logging
from collections.abc import Callable

LOGGER = "jetstream.governor"
REAPED = "Slot %d of governor %s was taken from"


class _Handler(logging.Handler):
    def __init__(self, tell: Callable[[int], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(REAPED) and isinstance(record.args, tuple):
            self._tell(int(str(record.args[0])))


def tell_reaped(tell: Callable[[int], None]) -> None:
    """From now on call ``tell`` with the sequence of each entry that is reaped here. Nothing else is logged."""
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [_Handler(tell)]
    logger.propagate = False
