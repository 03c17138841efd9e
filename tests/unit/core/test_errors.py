# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table from the server's verdicts to exceptions: code and text decide, what is unknown stops."""

from __future__ import annotations

import re

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core import errors
from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import from_server


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (10077, "maximum messages exceeded", errors.GovernorFull),
        (10077, "maximum bytes exceeded", errors.ServerError),
        (10059, "stream not found", errors.UnknownGovernor),
        (10037, "no message found", errors.EntryGone),
        (10057, "no message found", errors.EntryGone),
        (10057, "stream store closed", errors.ServerError),
        (10058, "stream name already in use with a different configuration", errors.AlreadyExists),
        (10065, "subjects overlap with an existing stream", errors.SubjectTaken),
        (10060, "expected stream does not match", errors.SubjectTaken),
        (10074, "replicas > 1 not supported in non-clustered mode", errors.ConfigRefused),
        (10005, "no suitable peers for placement", errors.ConfigRefused),
        (10052, "duplicates window can not be larger then max age", errors.ConfigRefused),
        (10039, "jetstream not enabled for account", errors.JetStreamUnavailable),
        (10076, "jetstream not enabled", errors.JetStreamUnavailable),
        (10035, "no JetStream default or applicable tiered limit present", errors.JetStreamUnavailable),
        (10008, "JetStream system temporarily unavailable", errors.NoVerdict),
        (10009, "JetStream cluster not ready to handle requests", errors.NoVerdict),
        (10158, "duplicate message id is in process", errors.Undecided),
        (10047, "insufficient storage resources available", errors.ServerError),
        (99999, "something new", errors.ServerError),
    ],
)
def test_each_verdict(code: int, text: str, kind: type[errors.GovernorError]) -> None:
    error = from_server({"code": 400, "err_code": code, "description": text}, "Could not do it")
    assert error.__class__ is kind
    assert str(error).startswith(f"Could not do it: the server answered '{text}' (error {code}).")
    assert error.facts == {"code": code}


def test_the_advice_follows_the_servers_words() -> None:
    error = from_server({"err_code": 10065, "description": "overlap"}, "Could not create governor 'x'")
    assert str(error) == (
        "Could not create governor 'x': the server answered 'overlap' (error 10065). "
        "Choose another subject, or delete the stream that has it."
    )


def test_an_error_without_code_and_text() -> None:
    error = from_server({}, "Could not do it")
    assert error.__class__ is errors.ServerError
    assert str(error) == "Could not do it: the server answered 'no description' (error 0)."


def test_every_row_is_reached() -> None:
    """No row stands in the shadow of an earlier one."""
    for row in errors.ERROR_CODES:
        error = from_server({"err_code": row.code, "description": row.text or "any"}, "x")
        assert error.__class__ is row.error


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Each line of the drawing is a class below the one that it hangs on; and every class is drawn."""
    drawn: dict[str, str] = {}
    parents = ["GovernorError"]
    for indent, name in re.findall(r"^((?:│   |    )*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        parents[depth + 1 :] = [name]
        drawn[name] = parents[depth]
    real = {
        name: thing.__bases__[0].__name__
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.GovernorError) and thing is not errors.GovernorError
    }
    assert drawn == real
