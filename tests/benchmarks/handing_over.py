# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Section 1: how fast, and in which order, slots go from one to the next while many wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ansible_collections.jetstream.governor.tests.benchmarks.algorithm import Algorithm
from ansible_collections.jetstream.governor.tests.benchmarks.choria import Reference
from ansible_collections.jetstream.governor.tests.benchmarks.crowd import Crowd, crowd, turns
from ansible_collections.jetstream.governor.tests.benchmarks.measures import (
    MARGIN,
    Summary,
    Workload,
    percentile,
    summary,
)
from ansible_collections.jetstream.governor.tests.benchmarks.ours import Ours
from ansible_collections.jetstream.governor.tests.benchmarks.processes import PROCESSES
from ansible_collections.jetstream.governor.tests.benchmarks.stage import Stage, stages
from ansible_collections.jetstream.governor.tests.benchmarks.table import NOTHING, Goal, Table, milliseconds, percent

WORKLOADS = [
    Workload(10, 200, 0.2),
    Workload(5, 100, 0.1),
    Workload(1, 50, 0.02),
    Workload(100, 1000, 0.05),
    Workload(1, 50, 0.05, apart=0.02),
]
"""The fourth is the one of Choria's own test. In the fifth, it is known who of two came first."""

WITH_A_QUEUE = Ours(queue=True)
COLUMNS: list[Algorithm] = [Reference(0.25), Reference(5.0), Ours(queue=False), WITH_A_QUEUE]
VARIED = Reference(5.0, varied=True)
SLOW: list[Algorithm] = [Reference(5.0), VARIED]
"""These hardly use the servers, and take long: all their crowds wait at the same time, at the end."""

_FINISHED_WITHIN = 100.0
_APART = 0.25

_REPEATED = 3

# By the number of nodes: the share of the ideal of the first workload, and seconds of a hand-over.
_SHARE_OF_IDEAL = {1: 0.97, 3: 0.93}
HAND_OVER = {1: 0.015, 3: 0.050}
_REFUSALS = 1.0


class Run(NamedTuple):
    stage: Stage
    work: Workload
    algorithm: Algorithm
    found: Summary


class HandingOver(NamedTuple):
    runs: list[Run]

    def broken(self) -> list[str]:
        return [
            f"{run.algorithm} on {run.stage.name}, {run.work}: {run.found.most} worked at once"
            for run in self.runs
            if run.found.most > run.work.limit
        ]

    def goals(self) -> list[Goal]:
        return [goal for run in self.runs if run.algorithm == WITH_A_QUEUE for goal in _goals(run).values()]

    def tables(self) -> list[Table]:
        names = list(dict.fromkeys(run.stage.name for run in self.runs))
        return [self._table([run for run in self.runs if run.stage.name == name]) for name in names]

    def _table(self, runs: list[Run]) -> Table:
        columns = ["", *map(str, COLUMNS), "ideal", "goal with a queue"]
        rows = [row for work in WORKLOADS for row in _rows([run for run in runs if run.work == work])]
        varied = "; ".join(f"{run.work}: {_time(run)}" for run in runs if run.algorithm == VARIED)
        most = ", ".join(f"{max(run.found.most for run in runs if run.work == work)}" for work in WORKLOADS)
        notes = [
            f"A reference that varies its 5 s from 50 to 150 % (Choria's command line does not): {varied}.",
            f"Most who worked at once in any of these runs, by the recorded times of the work: {most}.",
        ]
        return Table(f"1. Handing over, {runs[0].stage.name}", columns, rows, notes)


def explained() -> list[str]:
    return [
        f"Waiters come all at once unless the row says otherwise, from {PROCESSES} processes. The references of 5 s "
        f"run together, begun {_APART:g} s apart, and are cut off after {_FINISHED_WITHIN:g} s.",
        f"{str(WORKLOADS[0]).capitalize()}, with a queue: the run in the middle of {_REPEATED} by its time.",
        "Hand-over: from the end of one's work to the beginning of the next one's, who had been refused before.",
        "Overtakers: who got in before somebody who had been refused, and so had queued, earlier in the same process, "
        f"or at least {MARGIN * 1e3:g} ms earlier in another.",
    ]


def measure(folder: Path) -> HandingOver:
    with stages(folder) as both:
        return HandingOver([*_quick(both), *_slow(both)])


def _quick(both: list[Stage]) -> Iterator[Run]:
    for stage in both:
        for work in WORKLOADS:
            for algorithm in COLUMNS:
                if algorithm not in SLOW:
                    times = _REPEATED if (work, algorithm) == (WORKLOADS[0], WITH_A_QUEUE) else 1
                    yield _median([_alone(stage, work, algorithm) for _each in range(times)])


def _alone(stage: Stage, work: Workload, algorithm: Algorithm) -> Run:
    return next(_run([(stage, work, algorithm, crowd(stage, algorithm, work))]))


def _median(runs: list[Run]) -> Run:
    """That in the middle by its time, with the worst of all for the cap."""
    middle = sorted(runs, key=lambda run: run.found.seconds)[len(runs) // 2]
    return middle._replace(found=middle.found._replace(most=max(run.found.most for run in runs)))


def _slow(both: list[Stage]) -> Iterator[Run]:
    runs = [(stage, work, algorithm) for algorithm in SLOW for stage in both for work in WORKLOADS]
    yield from _run([(*run, crowd(*run[::2], run[1], index * _APART)) for index, run in enumerate(runs)])


def _run(planned: list[tuple[Stage, Workload, Algorithm, Crowd]]) -> Iterator[Run]:
    for (stage, work, algorithm, _crowd), found in zip(planned, turns([each[3] for each in planned], _FINISHED_WITHIN)):
        run = Run(stage, work, algorithm, summary(found, work.limit))
        print(f"{stage.name}, {work}, {algorithm}: {_time(run)}", flush=True)
        yield run


def _rows(runs: list[Run]) -> Iterator[list[str]]:
    """Of one workload on one stage."""
    work, by_column = runs[0].work, {run.algorithm: run for run in runs}
    columns = [by_column[column] for column in COLUMNS]
    goals = _goals(by_column[WITH_A_QUEUE])
    yield [f"**{work} of work**", *[""] * (len(COLUMNS) + 2)]
    yield ["time, of the ideal", *map(_time, columns), f"{work.ideal:.2f} s", _told(goals.get("time"))]
    refusals = [f"{run.found.refusals:.2f}" for run in columns]
    yield ["refused entries per grant", *refusals, "0.00", _told(goals.get("refused entries"))]
    yield ["hand-over p50 / p99 / max", *map(_hand_over, columns), "0 ms", _told(goals.get("hand-over"))]
    overtakers = [f"{run.found.overtakers}" for run in columns]
    yield ["overtakers", *overtakers, "0", _told(goals.get("order"))]
    spreads = [f"{run.found.spread:.2f}" for run in columns]
    yield ["longest wait, in mean waits", *spreads, f"{work.ideal_spread:.2f}", NOTHING]


def _time(run: Run) -> str:
    if run.found.finished < run.work.waiters:
        return f"{run.found.finished} of {run.work.waiters} in {_FINISHED_WITHIN:g} s"
    return f"{run.found.seconds:.2f} s, {percent(run.work.ideal / run.found.seconds)}"


def _hand_over(run: Run) -> str:
    found = [percentile(run.found.hand_overs, share) * 1e3 for share in (50, 99, 100)]
    return " / ".join(f"{each:,.0f}" if each >= 100 else f"{each:.1f}" for each in found) + " ms"


def _told(goal: Goal | None) -> str:
    return str(goal) if goal else NOTHING


def _goals(run: Run) -> dict[str, Goal]:
    """Of a run with a queue."""
    stage, work, found = run.stage, run.work, run.found
    where = f"{stage.name}, {work}"
    least, bound = _SHARE_OF_IDEAL[stage.replicas], HAND_OVER[stage.replicas]
    p99, share = percentile(found.hand_overs, 99), work.ideal / found.seconds
    wanted = {
        "time": (f">= {least * 100:g} %", percent(share), share >= least),
        "refused entries": (f"<= {_REFUSALS:.1f}", f"{found.refusals:.2f}", found.refusals <= _REFUSALS),
        "hand-over": (f"p99 < {milliseconds(bound)}", milliseconds(p99), p99 < bound),
        "order": ("0", f"{found.overtakers}", found.overtakers == 0),
    }
    if work != WORKLOADS[0]:
        del wanted["time"]
    return {name: Goal(f"{where}: {name}", *rest) for name, rest in wanted.items()}
