# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail unless the workflows on GitHub run every lane, wait for every job, and pin every action."""

from __future__ import annotations

import re
import sys
from typing import Any

import yaml

from places import ROOT
from table import lanes

WORKFLOWS = ROOT / ".github" / "workflows"
PINNED = re.compile(r"\./\S+|\S+@[0-9a-f]{40} # v[0-9.]+")


def wrong(jobs: dict[str, Any]) -> list[str]:
    """What the jobs of ci.yml do not do, a sentence each."""
    found = []
    lane, table = jobs["lane"], lanes()
    named, there = lane["strategy"]["matrix"]["lane"], [each.name for each in table]
    if named != there:
        found.append(f"ci.yml runs the lanes {', '.join(named)}, but there are {', '.join(there)}")
    may_fail = re.findall(r"'(\S+)'", lane["continue-on-error"])
    if may_fail != [each.name for each in table if not each.counts]:
        found.append(f"ci.yml lets {', '.join(may_fail)} fail, which are not the lanes that do not count")
    missing = jobs.keys() - {"all-green", *jobs["all-green"]["needs"]}
    return [*found, *(f"all-green of ci.yml does not need the job {job}" for job in sorted(missing))]


def not_pinned() -> list[str]:
    return [
        f"{path.name} uses {what}, which is not pinned by the digest of a commit with its version beside it"
        for path in sorted(WORKFLOWS.iterdir())
        for what in re.findall(r"\buses: (.+)", path.read_text(encoding="utf-8"))
        if not PINNED.fullmatch(what)
    ]


def main() -> int:
    jobs = yaml.safe_load((WORKFLOWS / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    found = [*wrong(jobs), *not_pinned()]
    print(*found or ["every lane is run, every job waited for, every action pinned"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
