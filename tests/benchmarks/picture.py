# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture: how long it took, how fast slots went from one to the next, and what waiting cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ansible_collections.jetstream.governor.tests.benchmarks import handing_over, idle
from ansible_collections.jetstream.governor.tests.benchmarks.handing_over import HandingOver
from ansible_collections.jetstream.governor.tests.benchmarks.idle import Idle
from ansible_collections.jetstream.governor.tests.benchmarks.measures import percentile

# Told apart also by those who see fewer colours (Okabe and Ito).
_COLOURS = ["#e69f00", "#d55e00", "#56b4e9", "#0072b2"]
_COLUMNS = list(map(str, handing_over.COLUMNS))

Panel = Callable[[Axes, str], None]


def draw(path: Path, handed_over: HandingOver | None, idled: Idle | None) -> None:
    """A row for each stage, a panel for each of what was measured."""
    panels: list[Panel] = []
    names: list[str] = []
    if handed_over:
        names = [run.stage.name for run in handed_over.runs]
        panels += [partial(_times, handed_over), partial(_hand_overs, handed_over)]
    if idled:
        names = [run.stage.name for run in idled.runs]
        panels.append(partial(_idle, idled))
    names = list(dict.fromkeys(names))
    # Text stays text, and the same numbers make the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "jetstream.governor", "font.size": 9}):
        figure = Figure(figsize=(5 * len(panels), 4.6 * len(names)), layout="constrained")
        grid = figure.subplots(len(names), len(panels), squeeze=False)
        for row, name in zip(grid, names):
            for axes, panel in zip(row, panels):
                panel(axes, name)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _times(found: HandingOver, axes: Axes, name: str) -> None:
    runs = [run for run in found.runs if run.stage.name == name]
    for index, column in enumerate(_COLUMNS):
        mine = [run for run in runs if str(run.algorithm) == column]
        times = [run.found.seconds / run.work.ideal for run in mine]
        bars = axes.barh(_beside(index, len(mine)), times, 0.2, label=column, color=_COLOURS[index])
        told = [
            f"{time:.2f}" if run.found.finished == run.work.waiters else f"{run.found.finished} of {run.work.waiters}"
            for run, time in zip(mine, times)
        ]
        axes.bar_label(bars, told, padding=2, fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    _finish(axes, f"Time, the ideal is 1\n{name}", [str(work) for work in handing_over.WORKLOADS])
    axes.set_xscale("log")
    axes.set_xlim(0.8, 400)
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])


def _hand_overs(found: HandingOver, axes: Axes, name: str) -> None:
    runs = [run for run in found.runs if run.stage.name == name]
    for index, column in enumerate(_COLUMNS):
        mine = [run.found.hand_overs for run in runs if str(run.algorithm) == column]
        middle, nearly_all = ([percentile(each, share) * 1e3 for each in mine] for share in (50, 99))
        heights = _beside(index, len(mine))
        axes.hlines(heights, middle, nearly_all, _COLOURS[index], linewidth=1.5)
        axes.plot(middle, heights, "o", color=_COLOURS[index], markersize=5)
        axes.plot(nearly_all, heights, "|", color=_COLOURS[index], markersize=9)
    axes.axvline(handing_over.HAND_OVER[runs[0].stage.replicas] * 1e3, color="black", linewidth=0.8, linestyle=":")
    _finish(
        axes,
        f"Hand-over, median and p99 (ms; dotted: the goal with a queue)\n{name}",
        [str(work) for work in handing_over.WORKLOADS],
    )
    axes.set_xscale("log")
    axes.set_xlim(0.5, 10_000)
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.tick_params(labelleft=False)


def _idle(found: Idle, axes: Axes, name: str) -> None:
    rates = {str(run.algorithm): run.rate for run in found.runs if run.stage.name == name}
    for index, column in enumerate(_COLUMNS):
        bars = axes.barh([index], [rates[column]], 0.7, label=column, color=_COLOURS[index])
        axes.bar_label(bars, [f"{rates[column]:,.1f}"], padding=2, fontsize=7)
    axes.axvline(idle.GOAL, color="black", linewidth=0.8, linestyle=":")
    _finish(axes, f"Requests a second of {idle.WAITERS:,} idle waiters (dotted: the goal)\n{name}", _COLUMNS)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, 50_000)
    axes.set_xticks([0, 1, 10, 100, 1000, 10_000], ["0", "1", "10", "100", "1,000", "10,000"])


def _beside(index: int, count: int) -> list[float]:
    return [group + (index - 1.5) * 0.2 for group in range(count)]


def _finish(axes: Axes, title: str, names: Sequence[str]) -> None:
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_yticks(range(len(names)), [each.replace("waiters ", "waiters\n") for each in names])
    axes.invert_yaxis()
    axes.grid(axis="x", linewidth=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
