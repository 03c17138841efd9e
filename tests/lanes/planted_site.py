# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when the build of the docs site, or the check of what was built, overlooks what is broken.

Each kind is planted in a copy of the site that ``build_site.py`` has left.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from check_site import dead
from places import SITE

IN_A_GUIDE = (
    (":ref:`a label <nowhere>`", "undefined label: 'nowhere'"),
    (
        ":ansplugin:`jetstream.governor.nosuch#module`",
        "undefined label: 'ansible_collections.jetstream.governor.nosuch_",
    ),
    (":ansopt:`jetstream.governor.governed#module:nosuch`", "governed_module__parameter-nosuch'"),
    (":ansretval:`jetstream.governor.governed#module:nosuch`", "governed_module__return-nosuch'"),
    (":doc:`a page <nosuch>`", "unknown document: 'nosuch'"),
    (".. image:: nosuch.png", "image file not readable: docsite/nosuch.png"),
    ("`unbalanced", "Inline interpreted text or phrase reference start-string without end-string"),
)
"""A line of a guide, and what Sphinx must say of it."""
IN_A_PAGE = (
    ('<a href="nosuch.html">x</a>', "nosuch.html: no such file"),
    ('<a href="index.html#nosuch">x</a>', "index.html#nosuch: no such anchor"),
    ('<a href="#nosuch">x</a>', "#nosuch: no such anchor"),
    ('<img src="_images/nosuch.png" alt="x">', "_images/nosuch.png: no such file"),
    ('<a href="../../conf.py">x</a>', "../../conf.py: no such file"),
)
"""A line of a page as it was built, and how the line ends that must tell of it."""


def from_sphinx(site: Path) -> list[str]:
    """What Sphinx says of a site with a guide that has all of these lines; nothing if it does not fail."""
    lines = [":orphan:", "", "Planted", "=======", *(f"\n{line}\n" for line, _words in IN_A_GUIDE)]
    (site / "rst" / "docsite" / "guide_planted.rst").write_text("\n".join(lines), encoding="utf-8")
    build = ["sphinx-build", "-M", "html", "rst", "build", "-c", ".", "-W", "--keep-going", "--quiet"]
    run = subprocess.run(build, cwd=site, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return run.stderr.splitlines() if run.returncode else []


def from_check(site: Path) -> list[str]:
    pages = site / "build" / "html"
    (pages / "planted.html").write_text("\n".join(line for line, _words in IN_A_PAGE), encoding="utf-8")
    return list(dead(pages))


def main() -> int:
    if not (SITE / "build" / "html").is_dir():
        print(f"{SITE} has no site: build_site.py, which failed or did not run, builds it")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        shutil.copytree(SITE, site)
        said = from_sphinx(site)
        overlooked = [
            line for line, words in IN_A_GUIDE if not any("guide_planted" in each and words in each for each in said)
        ]
        found = from_check(site)
        overlooked += [line for line, words in IN_A_PAGE if not any(each.endswith(words) for each in found)]
    print(f"{len(IN_A_GUIDE) + len(IN_A_PAGE)} planted", *(f"OVERLOOKED: {line}" for line in overlooked), sep="\n")
    return 1 if overlooked else 0


if __name__ == "__main__":
    sys.exit(main())
