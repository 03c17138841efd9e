# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the keeper is told around a module that may acquire a slot."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ansible_collections.jetstream.governor.plugins.module_utils.core.names import Owner
from ansible_collections.jetstream.governor.plugins.plugin_utils import _adoption as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._adoption import Adoption
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_link import NoKeeper
from ansible_collections.jetstream.governor.plugins.plugin_utils._keeper_words import Address, Held

ARGS = {"governor": "g", "servers": "nats://a:4222", "user": "", "wait_timeout": "1m", "play": {}}
OWNER = Owner("run", "web01", "web01")


class Link:
    """Takes the place of ``KeeperLink``, and of all its objects."""

    def __init__(self, created: Optional[str] = "noon", there: bool = True) -> None:
        self.swept: list[Address] = []
        self.adopted: list[Held] = []
        self.is_done = False
        self._created = created
        self._there = there

    def __call__(self) -> Link:
        if not self._there:
            raise NoKeeper("it has ended")
        return self

    def sweep(self, address: Address, run_id: str, within: float) -> Optional[str]:
        assert (run_id, within) == ("run", 5.0)
        self.swept.append(address)
        return self._created

    def sweep_and_write(self, address: Address, run_id: str) -> str:
        assert run_id == "run"
        self.swept.append(address)
        return "/run/created"

    def adopt(self, held: Held) -> None:
        self.adopted.append(held)

    def done(self) -> None:
        self.is_done = True


def result(token: Optional[str]) -> dict[str, Any]:
    slot = {"governor": "g", "seq": 7, "holder": "web01", "lease": 60.0}
    return {"acquired": True, "slot": slot, **({} if token is None else {"for_the_keeper": token})}


def adopted(
    monkeypatch: pytest.MonkeyPatch, link: Link, token: Optional[str], reads_files: bool = False, **args: Any
) -> dict[str, Any]:
    monkeypatch.setattr(module, "KeeperLink", link)
    with Adoption({**ARGS, **args}, {"NATS_USER": "u", "NATS_PASSWORD": "p"}, OWNER, reads_files) as adoption:
        return {"told": adoption.told, "result": adoption.adopt(result(token))}


def test_a_slot_with_a_lease_is_handed_over_and_nobody_else_sees_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link()
    assert adopted(monkeypatch, link, "token") == {"told": {"kept": "noon"}, "result": result(None)}
    (address,) = link.swept
    assert (address.governor, address.settings.servers) == ("g", ("nats://a:4222",))
    # An empty option counts as not given, and the environment of the task tells.
    assert (address.settings.user, address.settings.password) == ("u", "p")
    (held,) = link.adopted
    assert (held.address, held.seq, held.token, held.lease, held.owner) == (address, 7, "token", 60.0, OWNER)
    assert link.is_done


def test_who_can_read_files_begins_while_the_keeper_is_still_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link()
    told = {"kept_in": "/run/created"}
    assert adopted(monkeypatch, link, "token", reads_files=True) == {"told": told, "result": result(None)}
    assert (len(link.swept), len(link.adopted), link.is_done) == (1, 1, True)


def test_without_a_lease_there_is_nothing_to_hand_over(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link(created=None)
    assert adopted(monkeypatch, link, None) == {"told": {}, "result": result(None)}
    assert (len(link.swept), link.adopted, link.is_done) == (1, [], True)


def test_without_a_keeper_the_module_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for reads_files in (False, True):
        link = Link(there=False)
        assert adopted(monkeypatch, link, None, reads_files) == {"told": {}, "result": result(None)}


@pytest.mark.parametrize("wrong", [{"servers": "http://a"}, {"connect_timeout": "soon"}, {"tls_first": "perhaps"}])
def test_wrong_options_are_the_modules_business(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]) -> None:
    link = Link()
    assert adopted(monkeypatch, link, None, **wrong) == {"told": {}, "result": result(None)}
    assert link.swept == []
