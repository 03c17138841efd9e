# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lane is: a list of named, bounded steps; and what is left of one where pytest is given arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from places import ROOT

NOTHING_SELECTED = 5
"""pytest's exit code."""


@dataclass(frozen=True)
class Step:
    """One command. When a step of the set-up fails, the lane's other steps are not tried and count as failed."""

    name: str
    argv: Sequence[str]
    bound: float
    """Seconds after which the command and all that it started are ended, and the step has failed."""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT
    setup: bool = False
    pytest: bool = False
    """The command is pytest's, and takes more arguments of it."""
    narrowed: bool = False
    """It has got some: that they fit no test of this step is no failure."""
    skip: str = ""
    """Why this machine cannot run it."""


@dataclass(frozen=True)
class Lane:
    """Steps that run one after the other."""

    name: str
    about: str
    steps: Sequence[Step] = ()
    weight: float = 60
    """About how many seconds it takes: the longest start first."""
    waits: bool = False
    """It spends most of its time waiting, so that it can run beside as many others as there are cores."""
    alone: bool = False
    """Runs after the others and beside none of them."""
    counts: bool = True
    """Its failures are failures of the run. Those of a pre-release are told, and count where the lane is asked for."""
    skip: str = ""
    """Why this machine cannot run it."""


def with_arguments(lanes: Sequence[Lane], words: Sequence[str]) -> list[Lane]:
    """Those of the lanes that run pytest, with these arguments for it and without the steps of other programs."""
    narrowed = []
    for lane in lanes:
        kept = [step for step in lane.steps if step.setup or step.pytest]
        if any(step.pytest for step in kept):
            narrowed.append(replace(lane, steps=[with_words(step, words) if step.pytest else step for step in kept]))
    return narrowed


def with_words(step: Step, words: Sequence[str]) -> Step:
    return replace(step, argv=[*step.argv, *words], narrowed=True)
