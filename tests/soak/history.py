# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened in a run, as those to whom it happened wrote it down. All moments are of one monotonic clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

TIMED_OUT, NO_VERDICT, CANCELLED, UNKNOWN = "timed out", "no verdict", "cancelled", "unknown governor"
EXPECTED = ("", TIMED_OUT, NO_VERDICT, CANCELLED)
"""Why a turn may end without work while servers fail; anything else is a finding. ``UNKNOWN`` is one as well, unless
the governor was being made anew."""


@dataclass
class Turn:
    """One worker's attempt to do a piece of work under a slot; None: that did not happen.

    ``holder`` names the turn, no two have the same. ``patience``: seconds, None for ever. ``entered``: when the entry
    was stored, by the server's clock. ``began`` and ``ended``: the work itself. ``evicted``: when somebody asked for
    its eviction, which was done by ``evicted_by``. ``missed``: when its holder was told that the entry is gone.
    ``lost``: when its holder was told that its slot counts as lost; ``lease_over``: when the lease was over of which
    that came, None where it came of an entry that is gone. ``stills``: when its process stood still, and ``killed``:
    when that was killed. ``because``: why there was no slot, or what went wrong with it.
    """

    holder: str
    asked: float
    patience: Optional[float] = None
    seq: int = 0
    token: str = ""
    granted: Optional[float] = None
    entered: Optional[float] = None
    began: Optional[float] = None
    ended: Optional[float] = None
    released: Optional[float] = None
    gave_up: Optional[float] = None
    evicted: Optional[float] = None
    evicted_by: Optional[float] = None
    missed: Optional[float] = None
    lost: Optional[float] = None
    lease_over: Optional[float] = None
    stills: list[tuple[float, float]] = field(default_factory=list)
    killed: Optional[float] = None
    because: str = ""

    @property
    def since(self) -> float:
        """Nothing of it was in the governor before."""
        return self.asked if self.entered is None else self.entered

    @property
    def waited_until(self) -> float:
        """When there was a slot, or an error, or nobody any more who waited; infinite when there was none of these."""
        return next((each for each in (self.granted, self.gave_up, self.killed) if each is not None), math.inf)

    @property
    def over(self) -> float:
        """When all of it had ended; infinite when it had not."""
        return next((each for each in (self.released, self.gave_up, self.killed) if each is not None), math.inf)

    @property
    def works_until(self) -> float:
        """When its work ended, or its holder was told to end it; infinite when neither happened.

        Who stands still when its lease ends does not work, and is told as soon as it goes on.
        """
        over = self.lease_over
        told = over if over is not None and self.stood_still(over, over) else self.lost
        return min((each for each in (self.ended, told, self.killed) if each is not None), default=math.inf)

    def stood_still(self, start: float, end: float) -> bool:
        return any(stopped <= end and start <= went_on for stopped, went_on in self.stills)


class Trouble(NamedTuple):
    """Somebody broke something at ``start``; at ``end`` the servers were in order again."""

    what: str
    start: float
    end: float


class Limit(NamedTuple):
    """Since some moment between ``sent`` and ``answered`` the governor has this limit."""

    sent: float
    answered: float
    limit: int


class Left(NamedTuple):
    """An entry that was there after everybody had ended."""

    seq: int
    holder: str


class Orphan(NamedTuple):
    """An entry whose holder was killed, and by when it was seen to be gone: infinite when it was there at the end."""

    holder: str
    killed: float
    gone: float


class Reset(NamedTuple):
    """Between these the governor was deleted and made anew: all entries from before are gone."""

    start: float
    end: float


@dataclass
class History:
    """``limits``, in order, begin with the one that the governor was made with. ``closed``: when the last turn had
    ended, or was waited for no longer. ``troubles`` are of servers, ``disturbances`` of the way to them; ``reaped``:
    the sequences that waiters have taken from holders that they took for dead, with the moment. ``lease`` is in
    seconds, and so is ``observation``, for which waiters watch a holder. ``faults``: how many there were; ``broken``:
    what else did not come to its end.
    """

    began: float
    limits: list[Limit]
    max_age: float = 0.0
    turns: list[Turn] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    disturbances: list[Trouble] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    orphans: list[Orphan] = field(default_factory=list)
    reaped: dict[int, float] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    faults: int = 0
    closed: float = 0.0
    lease: float = math.inf
    observation: float = 0.0

    def at(self, moment: float) -> str:
        return f"at {moment - self.began:.2f} s"

    def limits_between(self, start: float, end: float) -> Iterable[int]:
        """Every limit that may have been in force at some moment of these."""
        for index, each in enumerate(self.limits):
            later = self.limits[index + 1 : index + 2]
            if each.sent <= end and all(start <= following.answered for following in later):
                yield each.limit
