# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath queries, with errors that say where they are wrong."""

from __future__ import annotations

from typing import Any, Callable

from .core.errors import InvalidValue
from .libraries import ELSEWHERE, require


def compiled(query: str) -> Callable[[Any], Any]:
    """The query as a function. Raises InvalidValue: here for what is no JMESPath, from the function for what fails;
    and MissingLibrary.
    """
    require("jmespath", "jmespath", "The option query", ELSEWHERE)
    import jmespath
    from jmespath.exceptions import JMESPathError, LexerError, ParseError

    try:
        expression = jmespath.compile(query)
    except (ParseError, LexerError) as exc:
        position = exc.lex_position if isinstance(exc, ParseError) else exc.lexer_position
        before = query[: max(position or 0, 0)]
        raise InvalidValue(
            f"query is not JMESPath: {query!r} is wrong at character {len(before) + 1}, after {before!r}."
        ) from exc
    except JMESPathError as exc:
        raise InvalidValue(f"query is not JMESPath: {query!r} is wrong: {exc}.") from exc

    def search(data: Any) -> Any:
        try:
            return expression.search(data)
        except (ValueError, TypeError) as exc:
            # jmespath's own errors are ValueErrors; a step of 0 and a comparison of unlike values come from Python.
            raise InvalidValue(f"query {query!r} does not fit the result: {exc}.") from exc

    return search
