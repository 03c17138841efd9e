# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job of AWX gets of a credential of a custom type: files, and variables of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment


def inject(credential_type: Mapping[str, Any], given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Write the files to ``folder``, and return the environment.

    As AWX does, an input that is empty or missing is undefined, which templates render as nothing. So what is made of
    it is an empty variable, and an empty file with its path in a variable.
    """
    sandbox = ImmutableSandboxedEnvironment()
    names: dict[str, Any] = {name: value for name, value in given.items() if value}
    files = SimpleNamespace()
    for label, template in credential_type["injectors"].get("file", {}).items():
        path = folder / f"injected-{label}"
        path.touch(mode=0o600)
        path.write_text(sandbox.from_string(template).render(**names), encoding="utf-8")
        setattr(files, label.partition(".")[2], str(path))
    names["tower"] = SimpleNamespace(filename=files)
    variables = credential_type["injectors"].get("env", {})
    return {name: sandbox.from_string(template).render(**names) for name, template in variables.items()}
