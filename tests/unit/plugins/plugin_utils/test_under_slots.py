# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What work under slots tells of them, however it ends, and which of them are released then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.errors import AnsibleActionFail, AnsibleActionSkip

from ansible_collections.jetstream.governor.plugins.module_utils.core.errors import NoVerdict
from ansible_collections.jetstream.governor.plugins.plugin_utils import _under_slots as module
from ansible_collections.jetstream.governor.plugins.plugin_utils._holds import Holds
from ansible_collections.jetstream.governor.plugins.plugin_utils._interruption import Interruptions, SlotLost
from ansible_collections.jetstream.governor.plugins.plugin_utils._under_slots import WorkUnderSlots, telling_of


class FakeHold:
    """A hold that notes how it ended."""

    is_kept_by_another = False

    def __init__(self, release: str = "always", lost: str | None = None, name: str = "g") -> None:
        self.request = SimpleNamespace(tell_more=lambda _line: None, release=release)
        self.ended = ""
        self.name = name
        self.released: bool | None = None
        self.failure: Exception | None = None
        self._lost = lost

    def lost(self) -> str | None:
        return self._lost

    def keep(self) -> dict[str, Any]:
        self.ended = "kept"
        return {"released": False}

    def facts(self) -> dict[str, Any]:
        lease = 60.0 if self.request.release == "always" else None
        return {"governor": self.name, "holder": "h", "seq": 3, "held": 1.0, "lease": lease, "released": self.released}


class FakeHolds(list[FakeHold]):
    """``fails``: why a slot cannot be released."""

    fails: Exception | None = None

    def facts(self) -> list[dict[str, Any]]:
        return [hold.facts() for hold in self]

    def at_work(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def release(self, holds: Sequence[FakeHold], _interruptions: Interruptions) -> None:
        for hold in holds:
            hold.ended = "left"
            hold.failure = self.fails
            hold.released = None if self.fails else hold.lost() is None


def under(
    *holds: FakeHold, on_lost: str = "warn", interruptions: object = None, fails: Exception | None = None
) -> WorkUnderSlots:
    made = FakeHolds(holds)
    made.fails = fails
    return WorkUnderSlots(cast(Holds, made), on_lost, cast(Interruptions, interruptions or Interruptions()))


@pytest.fixture(autouse=True)
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(module.display, "warning", told.append)
    return told


def test_a_slot_that_could_not_be_released(warnings: list[str]) -> None:
    fails = NoVerdict("Could not connect to nats://u:secret@h:4222.")
    result = under(FakeHold("on_success"), on_lost="fail", fails=fails).run(lambda: {"rc": 0})
    assert (result["rc"], result["slot"]["released"], "lost" in result["slot"]) == (0, False, False)
    assert warnings == ["The slot could not be released; max_age ends it. Could not connect to nats://***@h:4222."]


def test_an_exception_tells_of_the_slots_as_they_are_in_the_end() -> None:
    slot: dict[str, Any] = {"released": None}
    with pytest.raises(AnsibleActionFail) as caught, telling_of([slot]):
        raise AnsibleActionFail("no", result={"rc": 7})
    slot["released"] = True
    assert caught.value.result["slot"] == {"released": True}
    assert caught.value.result["slots"] == [{"released": True}]
    assert caught.value.result["rc"] == 7


@pytest.mark.parametrize(
    ("exc", "ended"), [(AnsibleActionSkip("not now"), "left"), (AnsibleActionFail("no"), "kept"), (OSError(), "kept")]
)
def test_a_task_that_calls_itself_off_has_not_failed(exc: Exception, ended: str) -> None:
    hold = FakeHold("on_success")

    def work() -> dict[str, Any]:
        raise exc

    with pytest.raises(type(exc)):
        under(hold).run(work)
    assert hold.ended == ended


@pytest.mark.parametrize(("works", "ends"), [(True, ["left", "kept", "left"]), (False, ["left", "kept", "kept"])])
def test_each_slot_is_released_as_its_governor_says(works: bool, ends: list[str]) -> None:
    holds = [FakeHold(release, name=release) for release in ("always", "never", "on_success")]
    result = under(*holds).run(lambda: {"failed": not works})
    assert [hold.ended for hold in holds] == ends
    assert "slot" not in result, "there is not exactly one"
    assert [slot["released"] for slot in result["slots"]] == [end == "left" for end in ends]


class Stopping:
    """Interruptions in which the work is stopped: it raises what it is told to."""

    stopped = True

    @contextlib.contextmanager
    def working(self, _release: object) -> Iterator[None]:
        yield


SENTENCE = (
    "The slot of h in governor 'g' was lost while it worked (it was evicted): more may have worked at once than the "
    "limit allows."
)


@pytest.mark.parametrize("raised", [SlotLost(), OSError("as an action makes of it"), None])
@pytest.mark.parametrize("release", ["always", "on_success"])
def test_work_that_was_stopped_has_failed(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException | None, release: str
) -> None:
    monkeypatch.setattr(module, "end_local_work", lambda: None)
    hold, other = FakeHold(release, lost="it was evicted"), FakeHold(release, name="other")

    def work() -> dict[str, Any]:
        if raised is not None:
            raise raised
        return {"rc": -15, "changed": True}

    result = under(hold, other, on_lost="stop", interruptions=Stopping()).run(work)
    advice = " Set max_age longer than the longest work." if release == "on_success" else ""
    assert (result["failed"], result["changed"], result["msg"]) == (True, True, SENTENCE + advice)
    assert (result["slots"][0]["lost"], result["slots"][0]["released"], hold.ended) == (True, False, "left")
    # The work has failed: the slot that was not lost is kept for those who look into that.
    assert (result["slots"][1].get("lost"), other.ended) == (
        (None, "kept") if release == "on_success" else (False, "left")
    )


@pytest.mark.parametrize(("on_lost", "fails"), [("warn", False), ("fail", True), ("stop", True)])
def test_a_slot_that_was_lost_before_anybody_could_stop_the_work(
    warnings: list[str], on_lost: str, fails: bool
) -> None:
    result = under(FakeHold(lost="it was evicted"), on_lost=on_lost).run(lambda: {"rc": 0})
    assert (result.get("failed", False), result["rc"], result["slot"]["lost"]) == (fails, 0, True)
    assert warnings == [SENTENCE]
