# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_WITHIN = 30.0
_KEEPER = Path(__file__).parent.parent / "files" / "keeper.py"

_COMMON = """\
server_name: %NAME%
listen: "127.0.0.1:-1"
http: "127.0.0.1:-1"
ports_file_dir: "%FOLDER%"
log_file: "%FOLDER%/log"
"""


class ActionModule(ActionBase):
    """Starts nats-servers on the controller and leaves them to a keeper, or stops the keeper and with it the servers.

    Options: ``state`` (started or stopped), ``binary``, ``servers`` (name: configuration text, in which ``%FOLDER%``
    stands for a folder of the server's own), ``certificate`` (a host name, for a self-signed one that stands for
    ``%CERTIFICATE%`` and ``%KEY%``; empty for none), ``pid`` (of the keeper to stop).
    """

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self._task.args
        facts = _stop(int(args["pid"])) if args["state"] == "stopped" else _start(args)
        return {**result, **facts, "changed": True}


def _start(args: dict[str, Any]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="governor-nats-"))
    try:
        _prepare(folder, args)
        told = _keep(folder, args["binary"])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return {"pid": told["pid"], "folder": str(folder), "ports": told["ports"]}


def _prepare(folder: Path, args: dict[str, Any]) -> None:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if args["certificate"]:
        _make_certificate(certificate, key, args["certificate"])
    for name, text in args["servers"].items():
        whole = _COMMON.replace("%NAME%", name) + text
        for word, path in (("%FOLDER%", folder / name), ("%CERTIFICATE%", certificate), ("%KEY%", key)):
            whole = whole.replace(word, str(path))
        (folder / f"{name}.conf").write_text(whole, encoding="utf-8")


def _make_certificate(certificate: Path, key: Path, host: str) -> None:
    """One that signs itself: it serves for the server, for the client and as the authority that both trust."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    try:
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, text=True)
    except FileNotFoundError as exc:
        raise AnsibleActionFail("The tests of TLS need openssl on PATH, to make a certificate.") from exc
    except subprocess.CalledProcessError as exc:
        raise AnsibleActionFail(f"openssl could not make a certificate: {exc.stderr}") from exc


def _keep(folder: Path, binary: str) -> dict[str, Any]:
    said = folder / "keeper.log"
    # The parent of this worker is ansible-playbook itself.
    keeper = [sys.executable, str(_KEEPER), str(os.getppid()), str(folder), str(binary)]
    with said.open("wb") as stream:
        process = subprocess.Popen(
            keeper, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
        words = said.open(encoding="utf-8")
    with words:
        ready = folder / "ready.json"
        deadline = time.monotonic() + _WITHIN
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                process.wait()
                raise AnsibleActionFail(f"The nats-servers did not start: {words.read()}")
            time.sleep(0.02)
    told: dict[str, Any] = json.loads(ready.read_text())
    return told


def _stop(pid: int) -> dict[str, Any]:
    deadline = time.monotonic() + _WITHIN
    try:
        os.kill(pid, 15)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
    except ProcessLookupError:
        return {}
    raise AnsibleActionFail(f"The keeper of the nats-servers, process {pid}, does not end.")
