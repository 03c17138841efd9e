# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""A keeper that notes what it is told."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_link import NoKeeper
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import Held


class FakeKeeper:
    """Takes the place of ``KeeperLink``, and of all its objects. ``dies_at`` is what it is told when it dies."""

    def __init__(self, dies_at: str = "", loses: Optional[str] = None) -> None:
        self.told: list[str] = []
        self.held: list[Held] = []
        self._dies_at = dies_at
        self._loses = loses

    def __call__(self) -> FakeKeeper:
        self._tell("connect")
        return self

    async def greeting(self) -> None:
        self._tell("greet")

    def wait_for(self, *_words: Any) -> None:
        self._tell("wait")

    def hold(self, held: Held) -> None:
        self._tell("hold")
        self.held.append(held)

    def lost(self) -> Optional[str]:
        return self._loses

    def done(self, gives_back: bool = False) -> None:
        self.told.append("gives back" if gives_back else "done")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if what == self._dies_at:
            # The next one lives.
            self._dies_at = ""
            raise NoKeeper("it has ended")
