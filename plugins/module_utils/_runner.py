# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the work of a module: check the libraries, connect, and turn every error into one way to fail."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from collections.abc import Awaitable
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ._connection import connected
from ._libraries import ELSEWHERE, require_to_connect
from ._secrecy import redact, secrets_given
from ._settings import Settings, resolve
from .core.errors import GovernorError
from .core.jetstream import JetStream

# Seconds between two looks for a process.
_LOOK_EVERY = 1.0

Work = Callable[[JetStream], Awaitable["dict[str, Any]"]]


def run(module: AnsibleModule, work: Work, process: int | None = None) -> None:
    """Connect, work, and exit with the result. A GovernorError ends in ``fail_json``, its facts beside the message.

    ``process``: the id of one, without which nobody wants the work to be done.
    """
    try:
        # Before resolving, which a wrong option ends: Ansible may show the task's arguments beside the error.
        module.no_log_values.update(secrets_given(module.params, os.environ))
        settings = resolve(module.params, os.environ)
        module.no_log_values.update(settings.secrets)
        require_to_connect(settings, ELSEWHERE)
        result = asyncio.run(_until_interrupted(settings, work, process))
    except GovernorError as exc:
        module.fail_json(msg=redact(str(exc)), **exc.facts)
    except asyncio.CancelledError:
        module.fail_json(msg="Interrupted; what was not finished has been taken back.")
    module.exit_json(**result)


async def _until_interrupted(settings: Settings, work: Work, process: int | None) -> dict[str, Any]:
    # A campaign that is cancelled withdraws its entry; one that is killed could leave it behind. It is cancelled once,
    # however many signals come: a second cancellation would cut the withdrawal short.
    task = asyncio.ensure_future(_connected_work(settings, work))
    stop = functools.cache(task.cancel)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    if process is not None:
        watching = asyncio.ensure_future(_death(process))
        watching.add_done_callback(lambda _watching: stop())
    return await task


async def _death(process: int) -> None:
    """Wait until there is no process of that id."""
    # The process of another user is there too, though a signal would be refused.
    with contextlib.suppress(ProcessLookupError):
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            with contextlib.suppress(PermissionError):
                os.kill(process, 0)


async def _connected_work(settings: Settings, work: Work) -> dict[str, Any]:
    async with connected(settings) as js:
        return await work(js)
