# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath queries, with errors that say where they are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .core.errors import InvalidValue
from .libraries import ELSEWHERE, require


class Query:
    def __init__(self, text: str) -> None:
        """Raises InvalidValue for what is no JMESPath, and MissingLibrary."""
        require("jmespath", "jmespath", "The option query", ELSEWHERE)
        import jmespath
        from jmespath.exceptions import JMESPathError, LexerError, ParseError

        self.text = text
        try:
            self._expression = jmespath.compile(text)
        except (ParseError, LexerError) as exc:
            position = exc.lex_position if isinstance(exc, ParseError) else exc.lexer_position
            before = text[: max(position or 0, 0)]
            raise InvalidValue(
                f"query is not JMESPath: {text!r} is wrong at character {len(before) + 1}, after {before!r}."
            ) from exc
        except JMESPathError as exc:
            raise InvalidValue(f"query is not JMESPath: {text!r} is wrong: {exc}.") from exc

    def names(self, field: str) -> bool:
        """Whether it asks for a field of that name, anywhere. (Not where it only gives something that name.)"""
        return field in _fields(self._expression.parsed)

    def search(self, data: Any) -> Any:
        """What it finds. Raises InvalidValue for what does not fit."""
        try:
            return self._expression.search(data)
        except (ValueError, TypeError) as exc:
            # jmespath's own errors are ValueErrors; a step of 0 and a comparison of unlike values come from Python.
            raise InvalidValue(f"query {self.text!r} does not fit the result: {exc}.") from exc


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    """Of a node of jmespath's tree and of all below it."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _fields(child)
