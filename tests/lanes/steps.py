# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lane is: a list of named, bounded steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from places import ROOT


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
    alone: bool = False
    """Runs after the others and beside none of them."""
    skip: str = ""
    """Why this machine cannot run it."""
