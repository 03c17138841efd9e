# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small stand-in for the API of AWX: what the modules of awx.awx need to make what ``setup.yml`` makes.

It is stricter than AWX about fields that it does not know, which AWX would ignore: so a misspelt one is found.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.jetstream.governor.tests.awx.rules import Json, complaints

TOKEN = "the-token-of-the-stand-in"
ENCRYPTED = "$encrypted$"
ORGANIZATION, PROJECT, INVENTORY = "Default", "rollout", "databases"

FIELDS = {
    "credential_types": {"name", "description", "kind", "inputs", "injectors", "managed"},
    "credentials": {"name", "organization", "credential_type", "inputs"},
    "execution_environments": {"name", "organization", "image", "pull"},
    "job_templates": {
        *("name", "organization", "job_type", "project", "inventory", "playbook", "execution_environment"),
        "allow_simultaneous",
    },
    "workflow_job_templates": {"name", "organization", "allow_simultaneous"},
    "workflow_job_template_nodes": {"workflow_job_template", "unified_job_template", "identifier"},
}
"""What may be written, and what of it."""
_REFERENCES = {
    "organization": "organizations",
    "credential_type": "credential_types",
    "project": "projects",
    "inventory": "inventories",
    "execution_environment": "execution_environments",
    "workflow_job_template": "workflow_job_templates",
    "unified_job_template": "job_templates",
}
_LINKS = {
    "job_templates": {"credentials": "credentials"},
    "workflow_job_template_nodes": dict.fromkeys(
        ("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_nodes"
    ),
}


class Refused(Exception):
    """AWX would not store this; the argument is the answer."""


class Controller:
    """What is stored: ``objects`` by kind and id, ``links`` by kind, id and name, and how often it was written to."""

    def __init__(self, playbooks: list[str]) -> None:
        self.objects: dict[str, dict[int, Json]] = {kind: {} for kind in FIELDS}
        self.links: dict[tuple[str, int, str], list[int]] = {}
        self.writes: list[str] = []
        self.url = ""
        for kind, name in (("organizations", ORGANIZATION), ("inventories", INVENTORY), ("projects", PROJECT)):
            self._store(kind, {"name": name, "organization": 1})
        self._playbooks = playbooks

    def named(self, kind: str, name: str) -> Json:
        """The one object of that name, or identifier."""
        (found,) = (each for each in self.objects[kind].values() if name in (each.get("name"), each.get("identifier")))
        return found

    def linked(self, kind: str, number: int, link: str) -> list[Json]:
        of = self.objects[_LINKS[kind][link]]
        return [of[each] for each in self.links.get((kind, number, link), [])]

    def create(self, kind: str, data: Json) -> Json:
        self._check(kind, data)
        self.writes.append(f"{kind} {data.get('name') or data.get('identifier')}")
        return self._store(kind, data)

    def change(self, kind: str, number: int, data: Json) -> Json:
        self._check(kind, data)
        self.writes.append(f"{kind} {data.get('name') or data.get('identifier')}")
        self.objects[kind][number].update(data)
        return self.objects[kind][number]

    def link(self, kind: str, number: int, name: str, data: Json) -> None:
        """Add a link to another object, or take it away."""
        other, links = data["id"], self.links.setdefault((kind, number, name), [])
        if set(data) - {"id", "disassociate"} or other not in self.objects[_LINKS[kind][name]]:
            raise Refused({"id": [f"{data} is no object to link to"]})
        self.writes.append(f"{kind} {number} {name}")
        if data.get("disassociate"):
            links.remove(other)
        else:
            links.append(other)

    def find(self, kind: str, wanted: Mapping[str, str]) -> list[Json]:
        """The objects whose fields are these."""
        conditions = dict(wanted)
        if kind == "unified_job_templates":
            kind = f"{conditions.pop('type')}s"
        found = self.objects[kind].values()
        return [each for each in found if all(str(each.get(key)) == value for key, value in conditions.items())]

    def _store(self, kind: str, data: Json) -> Json:
        of = self.objects.setdefault(kind, {})
        number = 1 + sum(map(len, self.objects.values()))
        # Organizations come first, and there is one.
        of[number] = {**data, "id": number, "url": f"/api/v2/{kind}/{number}/", "type": kind[:-1], "related": {}}
        return of[number]

    def _check(self, kind: str, data: Json) -> None:
        unknown = set(data) - FIELDS[kind]
        if unknown:
            raise Refused({name: ["no such field"] for name in unknown})
        for name, target in _REFERENCES.items():
            if name in data and data[name] not in self.objects[target]:
                raise Refused({name: [f"there is no {data[name]} in {target}"]})
        if kind == "credential_types" and complaints(data):
            raise Refused({"injectors": complaints(data)})
        if kind == "credentials":
            self._check_inputs(data)
        if kind == "job_templates" and data["playbook"] not in self._playbooks:
            raise Refused({"playbook": ["Playbook not found for project."]})

    def _check_inputs(self, data: Json) -> None:
        inputs = self.objects["credential_types"][data["credential_type"]]["inputs"]
        names = {field["id"] for field in inputs["fields"]}
        wrong = [name for name, value in data["inputs"].items() if name not in names or not isinstance(value, str)]
        missing = [name for name in inputs.get("required", []) if not data["inputs"].get(name)]
        if wrong or missing:
            raise Refused({"inputs": [f"unknown or no text: {wrong}; missing: {missing}"]})

    def shown(self, kind: str, found: Json) -> Json:
        """The object as it is told: AWX never tells the secrets of a credential."""
        if kind != "credentials":
            return found
        fields = self.objects["credential_types"][found["credential_type"]]["inputs"]["fields"]
        secret = {field["id"] for field in fields if field.get("secret")}
        inputs = {name: ENCRYPTED if name in secret else value for name, value in found["inputs"].items()}
        return {**found, "inputs": inputs}


@contextlib.contextmanager
def serving(controller: Controller) -> Iterator[Controller]:
    """Answer at ``controller.url``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PATCH(self) -> None:
            self._answer("PATCH")

        def _answer(self, method: str) -> None:
            status, body = 401, {"detail": "no token"}
            if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                data = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                status, body = _respond(controller, method, self.path, data)
            self.send_response(status)
            # The modules compare it with their own.
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            payload = b"" if status == 204 else json.dumps(body).encode()
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: what matters is in the controller."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        controller.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield controller
        finally:
            server.shutdown()
            thread.join()


def _respond(controller: Controller, method: str, path: str, data: Json) -> tuple[int, Json]:
    address = urlsplit(path)
    # /api/v2/KIND/, /api/v2/KIND/ID/ or /api/v2/KIND/ID/LINK/
    kind, *more = address.path.strip("/").split("/")[2:]
    try:
        if len(more) == 2:
            return _respond_of_link(controller, method, kind, int(more[0]), more[1], data)
        if method == "POST":
            return 201, controller.shown(kind, controller.create(kind, data))
        if method == "PATCH":
            return 200, controller.shown(kind, controller.change(kind, int(more[0]), data))
        return 200, _listing(
            [controller.shown(kind, each) for each in controller.find(kind, dict(parse_qsl(address.query)))]
        )
    except Refused as refusal:
        return 400, refusal.args[0]
    except KeyError as missing:
        return 404, {"detail": f"{method} {path}: {missing}"}


def _respond_of_link(
    controller: Controller, method: str, kind: str, number: int, name: str, data: Json
) -> tuple[int, Json]:
    if method == "POST":
        controller.link(kind, number, name, data)
        return 204, {}
    return 200, _listing(controller.linked(kind, number, name))


def _listing(found: list[Json]) -> Json:
    return {"count": len(found), "next": None, "previous": None, "results": found}
