# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX accepts as a custom credential type, restated from its own checks (AWX 24.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft4Validator

Json = dict[str, Any]

KINDS = ("cloud", "net")
"""Those that a custom type may have."""

_NAME = "^[a-zA-Z_]+[a-zA-Z0-9_]*$"
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}


def _only(**more: Any) -> Json:
    return {"type": "object", "additionalProperties": False, **more}


_FIELD = {
    "id": {"type": "string", "pattern": _NAME},
    "label": _TEXT,
    "help_text": _TEXT,
    "type": {"enum": ["string", "boolean"]},
    "format": {"enum": ["ssh_private_key", "url"]},
    "choices": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _TEXT},
    "multiline": _FLAG,
    "secret": _FLAG,
    "ask_at_runtime": _FLAG,
    "default": {},
}
_INPUTS = _only(
    properties={
        "fields": {"type": "array", "items": _only(properties=_FIELD, required=["id", "label"])},
        "required": {"type": "array", "items": _TEXT},
    }
)
_VARIABLES = {"anyOf": [_TEXT, {"type": "array"}, {"$ref": "#/properties/extra_vars"}]}
_INJECTORS = _only(
    properties={
        "file": _only(patternProperties={r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": _TEXT}),
        "env": _only(patternProperties={_NAME: {"type": "string", "pattern": "^[\x00-\x7f]*$"}}),
        "extra_vars": _only(patternProperties={r"^[a-zA-Z_{}]+[a-zA-Z0-9_{}]*$": _VARIABLES}),
    }
)

_OF_TEXT_ALONE = {"choices", "multiline", "format", "secret"}
_RESERVED = {
    *("VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID", "INVENTORY_UPDATE_ID"),
    *("AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES", "CALLBACK_QUEUE", "CALLBACK_CONNECTION"),
    *("CACHE", "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS", "AWX_HOST", "PROJECT_REVISION", "SUPERVISOR_CONFIG_PATH"),
}


def complaints(credential_type: Mapping[str, Any]) -> list[str]:
    """What AWX would refuse; nothing of it where the type is accepted."""
    inputs, injectors = credential_type["inputs"], credential_type["injectors"]
    wrong_form = [*Draft4Validator(_INPUTS).iter_errors(inputs), *Draft4Validator(_INJECTORS).iter_errors(injectors)]
    if wrong_form:
        return [error.message for error in wrong_form]
    found = [] if credential_type["kind"] in KINDS else [f"{credential_type['kind']} is no kind of a custom type"]
    return [*found, *_of_inputs(inputs), *_of_variables(injectors), *_of_templates(inputs, injectors)]


def _of_inputs(inputs: Json) -> Iterator[str]:
    fields = inputs.get("fields", [])
    ids = [field["id"] for field in fields]
    if "tower" in ids or len(set(ids)) < len(ids):
        yield "the ids of inputs must be unique, and none may be tower"
    for name in set(inputs.get("required", [])) - set(ids):
        yield f"{name} is required, but is no input"
    for field in fields:
        kind = {"string": str, "boolean": bool}[field.get("type", "string")]
        if "default" in field and not isinstance(field["default"], kind):
            yield f"the default of {field['id']} is not of its type"
        if kind is bool and _OF_TEXT_ALONE & set(field):
            yield f"{field['id']} is boolean, but has what only strings may have"


def _of_variables(injectors: Json) -> Iterator[str]:
    for name in injectors.get("env", {}):
        if name.startswith("ANSIBLE_") or name in _RESERVED:
            yield f"the environment variable {name} is not allowed"


def _of_templates(inputs: Json, injectors: Json) -> Iterator[str]:
    """Each template may use the inputs, and the files by the names that they are given."""
    labels = list(injectors.get("file", {}))
    names = {field["id"]: "EXAMPLE" for field in inputs.get("fields", [])}
    if "template" in labels and len(labels) > 1:
        yield "several files need a name each"
        return
    files: Any = "EXAMPLE" if "template" in labels else SimpleNamespace(**{each[9:]: "EXAMPLE" for each in labels})
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for template in _texts(injectors):
        try:
            sandbox.from_string(template).render(**names, tower=SimpleNamespace(filename=files))
        except TemplateError as error:
            yield f"{template}: {error}"


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    else:
        yield node
