# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail unless a tag, galaxy.yml and both changelogs tell of the same release: ``check_release.py TAG``."""

from __future__ import annotations

import re
import sys

from places import ROOT, version

CHANGELOGS = {"CHANGELOG.md": r"^## v{}$", "changelogs/changelog.yaml": r"^  {}:$"}
"""How each begins what it tells of a release."""


def wrong(tag: str) -> list[str]:
    """What is not as it should be, a sentence each."""
    found = []
    if tag != version():
        found.append(f"The tag is {tag}, and the version in galaxy.yml is {version()}.")
    for name, heading in CHANGELOGS.items():
        path = ROOT / name
        # Dots are escaped in what the program writes as Markdown.
        text = path.read_text(encoding="utf-8").replace("\\", "") if path.is_file() else ""
        if not re.search(heading.format(re.escape(tag)), text, re.MULTILINE):
            found.append(f"{name} tells nothing of {tag}: run antsibull-changelog release.")
    return found


def main() -> int:
    found = wrong(sys.argv[1])
    print(*found or [f"{sys.argv[1]} is the version, and in the changelog"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
