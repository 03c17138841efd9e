# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole test of the collection: ``python3 tests/lanes [--args=ARGS] [LANE ...]``, all lanes when none is named.

What a lane is made of is in table.py. Everything is built under .work in the checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import shlex
import shutil
import signal
import sys
import time
from dataclasses import replace

import pythons
from places import COLLECTION, LOGS, ROOT, TREE, WORK
from runner import Tally, run
from steps import Lane, with_arguments
from table import lanes


def prepare() -> None:
    """What all lanes share: the real Pythons, and the checkout under the name that its imports use."""
    pythons.link_all()
    link = TREE / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT, target_is_directory=True)


async def interruptible(chosen: list[Lane]) -> Tally:
    """Run the lanes; on Ctrl-C end everything that they started."""
    task = asyncio.ensure_future(run(chosen))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def arguments(table: list[Lane]) -> argparse.Namespace:
    about = "\n".join(f"  {lane.name:<13} {lane.about}" for lane in table)
    parser = argparse.ArgumentParser(
        prog="tests/lanes", epilog=f"lanes:\n{about}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lane", nargs="*", help="the lanes to run; all when none is named")
    parser.add_argument(
        "--args", type=shlex.split, default=[], help="more arguments for pytest: only its steps run then"
    )
    given = parser.parse_args()
    unknown = set(given.lane) - {lane.name for lane in table}
    if unknown:
        parser.error(f"no such lane: {', '.join(sorted(unknown))}; there are {', '.join(lane.name for lane in table)}")
    return given


def choose(table: list[Lane], names: list[str], words: list[str]) -> list[Lane]:
    """The lanes of these names, all without a name; with words for pytest, what they run of it.

    Whoever names a lane wants to know whether it fails, so that all that are named count.
    """
    chosen = [replace(lane, counts=True) for lane in table if lane.name in names] if names else table
    return with_arguments(chosen, words) if words else chosen


def report(tally: Tally, seconds: float) -> None:
    """Tell what failed, what was skipped and what took long; the last line is the number of steps."""
    for name in tally.failures:
        print(f"FAILED: {name}")
    for name in tally.uncounted:
        print(f"FAILED, but not counted, since it is about a pre-release: {name}")
    for what in tally.skipped:
        print(f"SKIPPED: {what}")
    print("the slowest steps:", *tally.slowest(), sep="\n")
    print(f"{seconds:.0f} s; the logs are in {os.path.relpath(WORK)}/log")
    (LOGS / "summary.txt").write_text(f"{tally.summary()}\n", encoding="utf-8")
    print(tally.summary())


def main() -> int:
    table = lanes()
    given = arguments(table)
    chosen = choose(table, given.lane, given.args)
    WORK.mkdir(exist_ok=True)
    start = time.monotonic()
    with open(WORK / "lanes.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run is at work in this checkout", file=sys.stderr)
            return 2
        shutil.rmtree(LOGS, ignore_errors=True)
        prepare()
        try:
            tally = asyncio.run(interruptible(chosen))
        except asyncio.CancelledError:
            print("interrupted", file=sys.stderr)
            return 130
    if os.environ.get("GITHUB_ACTIONS"):
        # There, the workflow has installed all that a lane needs.
        tally.failures += tally.skipped
    if given.args and not tally.selected and not tally.failures:
        tally.failures.append(f"no test is selected by {shlex.join(given.args)}")
    report(tally, time.monotonic() - start)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
