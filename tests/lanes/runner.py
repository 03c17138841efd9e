# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run lanes, two at a time, and say how each step ended."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from places import HERE, HOMES, LOGS, PIP_CACHE, PYTHONS
from steps import NOTHING_SELECTED, Lane, Step

AT_ONCE = 2
"""A lane keeps about one core busy, and the smallest machine of CI has two."""
TAIL = 60
SLOWEST = 10
FOREIGN = ("ANSIBLE_", "NATS_", "PYTHON", "PYTEST_", "MYPY", "XDG_", "VIRTUAL_ENV", "GALAXY_", "MAKE", "MFLAGS", "ARGS")
"""Variables of the caller that would change what the tools do, or make them write outside the checkout."""


@dataclass
class Tally:
    """How the steps ended so far."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    """What failed of lanes that do not count."""
    skipped: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step took."""
    selected: bool = False
    """Some step of pytest has run a test and passed."""

    def add(self, lane: Lane, step: Step, code: int, seconds: float, log: Path) -> None:
        """Count a step that has ended, and say so."""
        self.seconds[f"{lane.name} {step.name}"] = seconds
        if step.narrowed and code == NOTHING_SELECTED:
            self.say(lane, step, "no test of it was selected")
        elif code == 0:
            self.passed += 1
            self.selected |= step.pytest
            self.say(lane, step, f"ok {seconds:7.1f} s")
        else:
            self.fail(lane, step, f"{seconds:7.1f} s, exit code {code}\n{tail_of(log)}")

    def fail(self, lane: Lane, step: Step, words: str) -> None:
        """Count a step that has failed or could not be tried, and say so."""
        (self.failures if lane.counts else self.uncounted).append(f"{lane.name} {step.name}")
        self.say(lane, step, f"FAILED {words}")

    def say(self, lane: Lane, step: Step, words: str) -> None:
        print(f"{lane.name:<13} {step.name:<26} {words}", flush=True)

    def slowest(self) -> list[str]:
        """The steps that took longest, the longest first, a line each."""
        ordered = sorted(self.seconds.items(), key=lambda item: -item[1])
        return [f"{seconds:7.1f} s  {name}" for name, seconds in ordered[:SLOWEST]]

    def summary(self) -> str:
        """The last line, for people and for what reads it. What was skipped or does not count is told before it."""
        return f"{self.passed} passed, {len(self.failures)} failed"


def environment(lane: Lane, step: Step) -> dict[str, str]:
    """The caller's environment without what would leak in, with a home and caches inside the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    home = HOMES / lane.name
    home.mkdir(parents=True, exist_ok=True)
    kept.update(
        ANSIBLE_ASYNC_DIR=str(home / ".ansible_async"),
        ANSIBLE_HOME=str(home / ".ansible"),
        ANSIBLE_REMOTE_TMP=str(home / ".ansible" / "remote-tmp"),
        HOME=str(home),
        LC_ALL="C.UTF-8",
        NO_COLOR="1",
        PIP_CACHE_DIR=str(PIP_CACHE),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_NO_INPUT="1",
        PATH=f"{PYTHONS}{os.pathsep}{os.environ['PATH']}",
    )
    kept.update(step.env)
    return kept


def tail_of(log: Path) -> str:
    """The end of a log, with what says error further up."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines[:-TAIL] if line.startswith(("ERROR", "FATAL", "fatal:", "FAILED"))]
    return "\n".join(f"    | {line}" for line in [str(log), *errors[:20], *lines[-TAIL:]])


async def run_step(lane: Lane, step: Step, log: Path) -> int:
    """The step's exit code; its output goes to the log. A cancelled step is ended with all that it started."""
    bounded = [sys.executable, str(HERE / "bounded.py"), f"{step.bound:g}"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *bounded,
            *step.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=environment(lane, step),
            cwd=step.cwd if step.cwd.is_dir() else HERE,
            start_new_session=True,
        )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise


async def run_lane(lane: Lane, tally: Tally) -> None:
    broken = ""
    for step in lane.steps:
        if step.skip:
            tally.skipped.append(f"{lane.name} {step.name}: {step.skip}")
            continue
        if broken:
            tally.fail(lane, step, f"without being tried: {broken} failed")
            continue
        log = LOGS / f"{lane.name}.{step.name}.log"
        start = time.monotonic()
        code = await run_step(lane, step, log)
        tally.add(lane, step, code, time.monotonic() - start, log)
        broken = step.name if code and step.setup else ""


async def run(lanes: Sequence[Lane]) -> Tally:
    """Run those that can run: the longest first, one that waits beside two others, and the lonely ones at the end."""
    LOGS.mkdir(parents=True, exist_ok=True)
    tally = Tally(skipped=[f"the whole lane {lane.name}: {lane.skip}" for lane in lanes if lane.skip])
    ready = sorted((lane for lane in lanes if not lane.skip), key=lambda lane: -lane.weight)
    busy = [lane for lane in ready if not lane.alone and not lane.waits]
    waiting = [lane for lane in ready if not lane.alone and lane.waits]

    async def worker(*queues: list[Lane]) -> None:
        while lanes := next(filter(None, queues), None):
            await run_lane(lanes.pop(0), tally)

    await asyncio.gather(*[worker(busy, waiting) for number in range(AT_ONCE)], worker(waiting))
    for lane in ready:
        if lane.alone:
            await run_lane(lane, tally)
    return tally
