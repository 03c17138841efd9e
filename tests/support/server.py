# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real nats-servers for tests: one, or a cluster, on ports that the system gave, with their data in a temporary folder.

``NATS_SERVER`` names the binary; without it the one that ``make server`` brought is taken, or else the one on PATH.
Tests of older servers, and of upgrades from them, need theirs too: ``NATS_SERVER_2_10`` names that of 2.10, and so on;
without it, again, the one that ``make server`` brought.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal as signals
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_START_WITHIN = 20.0
_SERVERS = Path(__file__).resolve().parents[2] / ".work" / "nats"


class NoServerError(RuntimeError):
    """There is no nats-server to test with; the message names the command that brings it."""


def binary(version: str = "") -> str:
    """The nats-server to test with; or one of a version, such as "2.10". NoServerError where there is none."""
    if version:
        variable, what, on_path = f"NATS_SERVER_{version.replace('.', '_')}", f"nats-server {version}", None
        found = sorted(_SERVERS.glob(f"{version}.[0-9]*/bin/nats-server"), key=_patch)
    else:
        variable, what, on_path = "NATS_SERVER", "nats-server", shutil.which("nats-server")
        found = list(_SERVERS.glob("newest/bin/nats-server"))
    chosen = os.environ.get(variable) or (str(found[-1]) if found else on_path)
    if not chosen:
        raise NoServerError(f"there is no {what}: `make server` brings it, and {variable} names one that you have")
    return chosen


def _patch(path: Path) -> int:
    """The last number of the version that the server's folder is called by."""
    return int(path.parts[-3].rpartition(".")[2])


def wait_until(condition: Callable[[], bool], within: float, what: str) -> None:
    """Poll a condition; AssertionError naming ``what`` when it does not come true in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s"
        time.sleep(0.02)


class NatsServer:
    """One server. ``config`` is extra configuration text; ``jetstream=False`` starts it without JetStream.

    ``version``, such as "2.10", is the one that the next start takes, the one to test with where it is empty: changed
    between a stop and a start it is an upgrade. ``monitoring`` and ``websocket`` are the addresses of what ``config``
    has switched on.
    """

    def __init__(
        self, folder: Path, config: str = "", jetstream: bool = True, port: int = -1, version: str = ""
    ) -> None:
        self.folder = folder
        self.version = version
        self.jetstream = jetstream
        self.config = config
        self._port = port
        self.monitoring = ""
        self.websocket = ""
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def cpu_seconds(self) -> float:
        """How long it has kept a core busy, on Linux."""
        assert self._process is not None
        # After the name, which may have blanks: user and system time are the 12th and the 13th.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self) -> NatsServer:
        """Start it, on the port that it had before if it was running already."""
        path = self.folder / "server.conf"
        store = f'jetstream {{ store_dir: "{self.folder / "data"}" }}' if self.jetstream else ""
        path.write_text(
            f'listen: "127.0.0.1:{self._port}"\nports_file_dir: "{self.folder}"\nlog_file: "{self.folder / "log"}"\n'
            f"{store}\n{self.config}\n"
        )
        self._process = subprocess.Popen([binary(self.version), "-c", str(path)], stderr=subprocess.DEVNULL)
        ports = self.folder / f"nats-server_{self._process.pid}.ports"
        wait_until(ports.exists, _START_WITHIN, f"nats-server in {self.folder} tells its ports")
        wait_until(lambda: self._read_port(ports), _START_WITHIN, "the ports file is complete")
        return self

    def _read_port(self, ports: Path) -> bool:
        with contextlib.suppress(ValueError):
            told = json.loads(ports.read_text())
            # With TLS, newer versions say so here.
            self._port = int((told.get("nats") or told["tls"])[0].rpartition(":")[2])
            self.monitoring = next(iter(told.get("monitoring") or []), "")
            self.websocket = next(iter(told.get("websocket") or []), "")
            return True
        return False

    def signal(self, number: signals.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def pause(self) -> None:
        """Let it stand still, until it gets a SIGCONT."""
        self.signal(signals.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def stop(self, number: signals.Signals = signals.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(signals.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None

    def __enter__(self) -> NatsServer:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop(signals.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: the nodes of a cluster must know each other's before they start."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _each in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class RoutePort(NamedTuple):
    """Where a node listens for the others of its cluster, and the port by which they reach it."""

    listens: int
    reached_by: int


@contextlib.contextmanager
def cluster(
    folder: Path,
    size: int = 3,
    config: str = "",
    version: str = "",
    route_ports: Sequence[RoutePort] = (),
    advertise: bool = False,
) -> Iterator[list[NatsServer]]:
    """``size`` servers with JetStream in one cluster; ready when they have elected a leader of the metadata.

    ``version`` as for ``NatsServer``. ``route_ports``: one for each, where there is something between them.
    ``advertise``: tell clients of the other nodes.
    """
    routes = route_ports or [RoutePort(port, port) for port in free_ports(size)]
    urls = ", ".join(f'"nats://127.0.0.1:{route.reached_by}"' for route in routes)
    # Otherwise clients know only the addresses that a test gives them, which may be a proxy's.
    common = f"name: test, no_advertise: {str(not advertise).lower()}, routes: [{urls}]"
    nodes = [
        NatsServer(
            folder / f"n{index}",
            f'server_name: n{index}\ncluster {{ {common}, listen: "127.0.0.1:{route.listens}", '
            f'advertise: "127.0.0.1:{route.reached_by}" }}\n{config}',
            version=version,
        )
        for index, route in enumerate(routes)
    ]
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
        wait_until(
            lambda: any("Self is new JetStream cluster metadata leader" in node.log for node in nodes),
            30,
            "the cluster elects a leader",
        )
        yield nodes
