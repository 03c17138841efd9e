# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables that a terminal shows in columns and a Markdown page as tables, and goals with what became of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NOTHING = "-"


class Goal(NamedTuple):
    """``name`` says what of, ``text`` what is wanted, ``value`` what came; ``within``: whether that is good enough."""

    name: str
    text: str
    value: str
    met: bool

    def __str__(self) -> str:
        return f"{self.text}: {'met' if self.met else 'MISSED'}"


class Table(NamedTuple):
    """The first column has the names of the rows, which stand at its left; all else stands at the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        widths = [max(3, *map(len, column)) for column in zip(self.columns, *self.rows)]
        yield from (f"### {self.title}", "")
        yield _line(self.columns, widths)
        yield f"|:{'-' * (widths[0] + 1)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
        yield from (_line(row, widths) for row in self.rows)
        for note in self.notes:
            yield from ("", note)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))]
    return f"| {' | '.join(shown)} |"


def percent(share: float) -> str:
    """Never rounded up to what was not reached."""
    return f"{math.floor(share * 1000 + 1e-6) / 10:.1f} %"


def milliseconds(seconds: float) -> str:
    if math.isnan(seconds):
        return NOTHING
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds * 1e3:,.0f} ms"
