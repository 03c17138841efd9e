# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code blocks of a document: fenced ones of Markdown, ``code-block`` directives of reStructuredText."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from textwrap import dedent

_DIRECTIVE = re.compile(r"^\.\. code-block:: *([\w+-]+)\s*$")
_OPENING = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([\w+-]*)[^`]*$")


@dataclass(frozen=True)
class Block:
    """``line`` is that of the first line of ``text``; ``language`` is empty where none is named."""

    language: str
    line: int
    text: str


def blocks(path: Path) -> list[Block]:
    """Return all of them in their order. Raises ValueError for one that is not closed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return _directives(lines) if path.suffix == ".rst" else _fenced(path, lines)


def _directives(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    for at, line in enumerate(lines):
        opening = _DIRECTIVE.match(line)
        if opening is not None:
            body = list(takewhile(lambda each: not each.strip() or each.startswith(" "), lines[at + 1 :]))
            found.append(Block(opening.group(1).lower(), at + 2, dedent("\n".join(body)).strip("\n") + "\n"))
    return found


def _fenced(path: Path, lines: list[str]) -> list[Block]:
    found: list[Block] = []
    at = 0
    while at < len(lines):
        opening = _OPENING.match(lines[at])
        if opening is not None:
            end = _end(lines, at + 1, opening.group(2))
            if end is None:
                raise ValueError(f"{path}:{at + 1}: this block is not closed")
            # In a list, a block is indented.
            text = dedent("\n".join(lines[at + 1 : end]) + "\n")
            found.append(Block(opening.group(3).lower(), at + 2, text))
            at = end
        at += 1
    return found


def _end(lines: list[str], start: int, fence: str) -> int | None:
    closing = re.compile(rf"^\s*{re.escape(fence)}{re.escape(fence[0])}*\s*$")
    return next((at for at in range(start, len(lines)) if closing.match(lines[at])), None)
