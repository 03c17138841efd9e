# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide "Connect": the table of the ways to sign in is what the code takes, and each example lets one in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.jetstream.governor.plugins.module_utils._connection import connected
from ansible_collections.jetstream.governor.plugins.module_utils._connection_options import CONNECTION_OPTIONS
from ansible_collections.jetstream.governor.plugins.module_utils._contexts import FIELDS
from ansible_collections.jetstream.governor.plugins.module_utils._logins import credentials
from ansible_collections.jetstream.governor.plugins.module_utils._settings import ENVIRONMENT, Settings, resolve
from ansible_collections.jetstream.governor.plugins.module_utils.core.campaign import Governor
from ansible_collections.jetstream.governor.plugins.module_utils.core.manager import Manager
from ansible_collections.jetstream.governor.plugins.module_utils.core.names import queue_stream_name
from ansible_collections.jetstream.governor.plugins.module_utils.core.queue import CONSUMER
from ansible_collections.jetstream.governor.tests.readme.fences import Block, blocks
from ansible_collections.jetstream.governor.tests.support.client import until, within
from ansible_collections.jetstream.governor.tests.support.keys import Authority, Operator
from ansible_collections.jetstream.governor.tests.support.seeds import SEED
from ansible_collections.jetstream.governor.tests.support.server import NatsServer, free_ports, wait_until

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_connect.rst"
GROUP = "group/jetstream.governor.governor"


def sections() -> dict[str, list[Block]]:
    """The blocks below each heading."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    headings = {at: lines[at - 1] for at, line in enumerate(lines) if re.fullmatch("-{3,}", line)}
    found: dict[str, list[Block]] = {heading: [] for heading in headings.values()}
    for block in blocks(GUIDE):
        found[headings[max(at for at in headings if at < block.line)]].append(block)
    return {heading: each for heading, each in found.items() if each}


SECTIONS = sections()
EXAMPLES = [
    (heading, number)
    for heading, each in SECTIONS.items()
    for number, block in enumerate(each)
    if block.language in ("yaml", "shell")
]


class Stage:
    """What an example has beside it: the servers of its section, and the files and secrets that it names."""

    def __init__(self, folder: Path, section: list[Block]) -> None:
        self.folder = folder
        self._section = section
        self._etc = folder / "etc"
        self._operator = Operator()
        self._jwt, self._seed = self._operator.user("ansible")
        self._leaf_port = free_ports(1)[0]
        authority = Authority(self._etc)
        authority.issue("server", ("localhost",))
        authority.issue("client")
        (self._etc / "ansible.nk").write_text(SEED)
        (self._etc / "ansible.creds").write_text(credentials(self._jwt, self._seed))

    @contextlib.contextmanager
    def servers(self) -> Iterator[NatsServer]:
        """Start those that the section has; an operator's where it has none. The last one is nats.example.org."""
        configs = [block.text for block in self._section if block.language == "text"] or [
            SECTIONS["A user and a password"][0].text if self._is_context else self._operator.config
        ]
        with contextlib.ExitStack() as stack:
            for number, text in enumerate(configs):
                folder = self.folder / f"server{number}"
                own = "jetstream {" in text
                config = self._changed(text).replace("jetstream {", f'jetstream {{ store_dir: "{folder / "data"}",')
                server = stack.enter_context(NatsServer(folder, config, jetstream=not own))
            if len(configs) > 1:
                wait_until(lambda: "Leafnode connection created" in server.log, 20, "the leaf node finds its hub")
            yield server

    def options(self, block: Block, server: NatsServer) -> tuple[dict[str, Any], dict[str, str]]:
        """The options and the environment that the example stands for."""
        text = self._changed(block.text, server)
        environ = {"PROD_PASSWORD": "s3cret", "XDG_CONFIG_HOME": str(self.folder)}
        self._save_context(server)
        if block.language == "shell":
            return {}, {**environ, **dict(re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE))}
        return yaml.safe_load(text)["module_defaults"][GROUP], environ

    @property
    def _is_context(self) -> bool:
        return any(block.language == "json" for block in self._section)

    def _save_context(self, server: NatsServer) -> None:
        for block in self._section:
            if block.language == "json":
                path = self.folder / "nats" / "context" / "prod.json"
                path.parent.mkdir(parents=True)
                path.write_text(json.dumps(json.loads(self._changed(block.text, server))))

    def _changed(self, text: str, server: NatsServer | None = None) -> str:
        there = {
            "/etc/nats": str(self._etc),
            "0.0.0.0:443": "127.0.0.1:-1",
            "0.0.0.0:7422": f"127.0.0.1:{self._leaf_port}",
            "hub.example.org:7422": f"127.0.0.1:{self._leaf_port}",
            "{{ nats_password }}": "s3cret",
            "{{ nats_token }}": "t0ken",
            "{{ nats_jwt }}": self._jwt,
            "{{ nats_seed }}": self._seed,
        }
        if server is not None:
            there["nats.example.org:4222"] = f"localhost:{server.port}"
            there["nats.example.org:443"] = f"localhost:{server.websocket.rpartition(':')[2]}"
        for written, meant in there.items():
            text = text.replace(written, meant)
        return text


async def work(settings: Settings, seconds: float) -> None:
    """Create a governor, wait so long in its queue, and be called from there: all that a worker does."""
    async with connected(settings) as js, connected(settings) as other:
        await Manager.create("g", js, limit=1, max_age=600)
        first = await Governor("g", js).start("first", timeout=10)
        second = asyncio.ensure_future(Governor("g", other, interval=60).start("second", timeout=20))

        async def waits() -> bool:
            place = await js.call(f"CONSUMER.INFO.{queue_stream_name('g')}.{CONSUMER}", what="Could not look")
            return bool(place["num_waiting"] == 1) or second.done()

        await until(waits, 10, "the second is in the queue")
        await asyncio.sleep(seconds)
        assert await first.finish()
        slot = await second
        assert slot.waited_by == "queue"
        assert slot.waited < seconds + 5
        assert await slot.finish()


def test_each_section_is_tried() -> None:
    assert len(EXAMPLES) >= 15
    assert {heading for heading, _number in EXAMPLES} == set(SECTIONS)


@pytest.mark.parametrize(("heading", "number"), EXAMPLES)
@within(40)
async def test_an_example_lets_one_in_to_work(heading: str, number: int, tmp_path: Path) -> None:
    if heading == "WebSocket":
        pytest.importorskip("aiohttp")
    stage = Stage(tmp_path, SECTIONS[heading])
    with stage.servers() as server:
        options, environ = stage.options(SECTIONS[heading][number], server)
        # Of answers that come more than once, a sign of life every four seconds is the first.
        await work(resolve(options, environ), seconds=5 if heading == "Imports from another account" else 0)


# -- the table


def rows() -> list[list[list[str]]]:
    """The words in code of each cell but the first, row by row."""
    table = (
        GUIDE.read_text(encoding="utf-8")
        .partition(".. list-table:: Ways to sign in\n")[2]
        .partition("\nWhat differs")[0]
    )
    cells = [re.split(r"\n     - ?", row)[1:] for row in re.split(r"\n   \* - ", table)[2:]]
    return [[re.findall("``(.+?)``", cell) for cell in row] for row in cells]


@pytest.mark.parametrize("column", [0, 1, 2])
def test_the_table_is_complete(column: int) -> None:
    there: list[Mapping[str, Any]] = [CONNECTION_OPTIONS, dict.fromkeys(ENVIRONMENT.values()), FIELDS]
    named = {word for row in rows() for word in row[column]} - {"request_timeout"}
    assert named == set(there[column]) - {"request_timeout"}


def test_the_cells_of_a_row_stand_for_each_other() -> None:
    for options, variables, fields in rows():
        assert set(variables) - set(options) == {ENVIRONMENT[option] for option in options if option in ENVIRONMENT}
        assert set(fields) == {field for field, option in FIELDS.items() if option in options}
