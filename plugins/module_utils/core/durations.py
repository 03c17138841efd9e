# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write durations: a number of seconds, or NATS's notation (``250ms``, ``90s``, ``1h30m``, ``7d``)."""

from __future__ import annotations

import math
import re

from .errors import InvalidValue

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")

# JetStream counts nanoseconds in a signed 64-bit number.
LONGEST = 2**63 / 1e9

FOREVER = "forever"


def parse_duration(value: str | int | float, what: str = "duration") -> float:
    """Return the duration in seconds. A number without a unit is in seconds, also when it is a string.

    ``what`` is the name of the option, for the message. Raises InvalidValue when the value is not a duration, negative,
    or too long for JetStream.
    """
    return _checked(value, what, "")


def parse_wait(value: str | int | float, what: str) -> float | None:
    """Return the duration in seconds, as ``parse_duration`` does, or None for "forever"."""
    if isinstance(value, str) and value.strip() == FOREVER:
        return None
    return _checked(value, what, f", or {FOREVER}")


def _checked(value: str | int | float, what: str, also: str) -> float:
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < LONGEST:
        raise InvalidValue(
            f"{what} must be a number of seconds or a duration like 250ms, 90s, 5m, 1h30m or 7d (not negative, "
            f"below 292 years){also}, not {value!r}."
        )
    return seconds


def _seconds(value: str | int | float) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    text = str(value).strip()
    if _WHOLE.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return float(text) if re.fullmatch(r"\d+(?:\.\d+)?", text) else None


def format_duration(seconds: float) -> str:
    """Return the duration as text with its two largest units: ``0.4s``, ``41s``, ``2m10s``, ``1h5m``, ``3d4h``."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f}s"
    rest, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
