# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge whether a play whose hosts acquire slots in one task and release them in a later one can come to an end.

A host with a slot must get as far as the task that releases it while the other hosts wait. The default strategy lets
no host go on before every host of the batch has passed the task. ``free`` needs a fork for a host that goes on. A task
that has reached its throttle keeps ``free`` and ``host_pinned`` from looking at any other host. Each of these was seen
to deadlock. The judgement is pure, so that the table of what was seen is the test.
"""

from __future__ import annotations

from dataclasses import dataclass

WAYS_OUT = (
    "Ways out: give the hosts one at a time to this play (serial: 1), use strategy: host_pinned (without throttle), "
    "acquire one slot for the whole run (run_once: true, under the default strategy), or raise the limit. guard: warn "
    "or guard: off silences this."
)

# A warning beside the error of each host. It is the same for all of them, so that Ansible shows it once.
REFUSED = f"A play that acquires slots in one task and releases them in another was refused. {WAYS_OUT}"


@dataclass(frozen=True)
class Play:
    """What the controller knows of a play.

    ``batch`` is the number of hosts with which the batch began. Hosts that have failed meanwhile count too, so that all
    hosts of a batch are judged alike, though one after the other. ``throttle`` is that of the task, 0 for none.
    """

    strategy: str
    batch: int
    forks: int
    throttle: int


@dataclass(frozen=True)
class Deadlock:
    """A deadlock that a play risks, described by ``sentence``.

    ``alone``: the play can deadlock without any other run. Otherwise only together with other runs on the governor.
    """

    alone: bool
    sentence: str


def deadlock(play: Play, limit: int) -> Deadlock | None:
    """Return how the play can deadlock under a governor of that limit.

    None where the play is safe, or where nothing is known here of its strategy.
    """
    if play.batch <= 1:
        return None
    family = _family(play.strategy)
    if family == "linear":
        return _linear(play, limit)
    return _free(play, limit, family) if family else None


def _family(strategy: str) -> str:
    name = strategy.rpartition(".")[2]
    if name in ("linear", "debug") or name.endswith("_linear"):
        return "linear"
    if name.endswith("host_pinned"):
        return "host_pinned"
    return "free" if name == "free" or name.endswith("_free") else ""


def _linear(play: Play, limit: int) -> Deadlock:
    if play.batch > limit:
        return Deadlock(
            True,
            f"This play would never end: strategy {play.strategy} runs this task on all {play.batch} hosts of the "
            f"batch before any of them goes on to release its slot, and the limit is {limit}.",
        )
    return Deadlock(
        False,
        f"This play can deadlock with another run on the same governor: each could hold some of the {limit} slots and "
        f"wait for more, since strategy {play.strategy} lets no host go on to release its slot before all "
        f"{play.batch} hosts of the batch have one.",
    )


def _free(play: Play, limit: int, family: str) -> Deadlock | None:
    # host_pinned lets a host that has begun keep its fork; only a throttle below the number of forks can block it.
    forks = play.forks if family == "free" else play.batch
    at_once, bound = forks, f"{play.forks} forks"
    if 0 < play.throttle < play.forks:
        at_once, bound = play.throttle, f"throttle: {play.throttle}"
    if at_once >= play.batch:
        return None
    if at_once <= play.batch - limit:
        return Deadlock(
            True,
            f"This play can deadlock: with {bound}, strategy {play.strategy}, {play.batch} hosts and a limit of "
            f"{limit}, hosts that wait can keep those with a slot from going on to release it; it takes more than "
            f"{play.batch - limit}.",
        )
    return Deadlock(
        False,
        f"This play can deadlock with another run on the same governor: while that one holds the slots, {bound} can "
        f"all be taken by hosts that wait, of {play.batch} hosts.",
    )
