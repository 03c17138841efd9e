# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have the keeper of the run renew the slot that a module acquires, and release it when the run is over.

The module may run anywhere, and ends as soon as it has the slot. The keeper can renew that only if both reach the same
governor, which is so where they tell the same moment of its creation.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._connection_options import CONNECTION_OPTIONS
from ..module_utils._settings import Settings, resolve
from ..module_utils.core.errors import GovernorError, InvalidValue
from ..module_utils.core.names import Owner
from ..module_utils.core.timing import Timing
from ._keeper_link import KeeperLink, NoKeeper
from ._keeper_words import Address, Held

# Seconds to wait for the keeper to tell of the governor, in which it may have to start first.
_TOLD_WITHIN = 5.0


class Adoption:
    """A context around the module, in which the keeper knows that it may acquire a slot.

    ``told`` is what the module is told of the governor that the keeper sees: when it was created, or the file in which
    it finds that. Where it is told nothing, the module's slot has no lease, and its result says so.
    """

    def __init__(
        self, args: Mapping[str, Any], environment: Mapping[str, str], owner: Owner, reads_files: bool
    ) -> None:
        """Make it for a module with these arguments and this environment, and for the owner of the slot.

        ``reads_files``: whether the module can read what this user has written on this machine. Then it can begin
        while the keeper is still on its way.
        """
        self.told: dict[str, str] = {}
        self._args = args
        self._reads_files = reads_files
        self._environment = environment
        self._owner = owner
        self._link: KeeperLink | None = None

    def __enter__(self) -> Adoption:
        """Tell the keeper, which is started if need be, and ask it about the governor."""
        # A connection that cannot be made is told of by the module.
        with contextlib.suppress(NoKeeper, GovernorError):
            self._address = Address(_settings(self._args, self._environment), str(self._args.get("governor")))
            self._link = KeeperLink()
            if self._reads_files:
                self.told = {"kept_in": self._link.sweep_and_write(self._address, self._owner.run_id)}
            else:
                created = self._link.sweep(self._address, self._owner.run_id, _TOLD_WITHIN)
                self.told = {} if created is None else {"kept": created}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell the keeper that the module is over."""
        if self._link is not None:
            self._link.done()

    def adopt(self, result: dict[str, Any]) -> dict[str, Any]:
        """Hand the slot in the module's result to the keeper. Return the result without what was meant for that."""
        token = result.pop("for_the_keeper", None)
        if token is not None and self._link is not None:
            slot = result["slot"]
            held = Held(
                self._address,
                slot["seq"],
                token,
                slot["lease"],
                # When the module has given a sign of life is not known by this clock. The next one is due soon.
                Timing().clock() - slot["lease"] / 2,
                slot["holder"],
                self._owner,
            )
            with contextlib.suppress(NoKeeper):
                self._link.adopt(held)
        return result


def _settings(args: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Return the settings that a module with these arguments would have here. Raises InvalidValue."""
    given = {option: value for option, value in args.items() if option in CONNECTION_OPTIONS}
    # Other libraries do not take the tagged values of ansible-core 2.19 and newer for plain strings and lists.
    checked = ArgumentSpecValidator(CONNECTION_OPTIONS).validate(json.loads(json.dumps(given, default=str)))
    if checked.error_messages:
        raise InvalidValue("The task's connection options are not valid.")
    return resolve(checked.validated_parameters, environment)
