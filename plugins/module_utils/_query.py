# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath queries, with errors that say where a query is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._libraries import ELSEWHERE, require
from .core.errors import InvalidValue


class Query:
    """A JMESPath expression, compiled."""

    def __init__(self, text: str) -> None:
        """Compile ``text``. Raises InvalidValue for what is not JMESPath, and MissingLibrary without ``jmespath``."""
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
        """Tell whether the query asks for a field of that name anywhere, not only gives that name to something."""
        return field in _fields(self._expression.parsed)

    def search(self, data: Any) -> Any:
        """Return what the query finds in ``data``. Raises InvalidValue where the two do not fit together."""
        try:
            return self._expression.search(data)
        except (ValueError, TypeError) as exc:
            # jmespath's own errors are ValueErrors. Python raises for a step of 0 and for comparing unlike values.
            raise InvalidValue(f"query {self.text!r} does not fit the result: {exc}.") from exc


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the fields that a node of jmespath's tree asks for, and all nodes below it."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _fields(child)
