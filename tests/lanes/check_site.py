# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when the built docs site has a dead link, anchor or image in itself, or lacks what links.yml says.

``check_site.py COPY``, where COPY is the lane's copy of the checkout. Links to other sites are not followed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from places import SITE

PAGES = SITE / "build" / "html"
REFERENCES = {"a": "href", "area": "href", "link": "href", "img": "src", "script": "src", "source": "src"}
"""Which attribute of which element leads to something else."""


class Page(HTMLParser):
    """What a page can be linked to by, and what it links to itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.references: list[tuple[int, str]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[key] or "" for key in ("id", "name") if key in found}
        url = found.get(REFERENCES.get(tag, ""))
        if url is not None:
            self.references.append((self.getpos()[0], url))


read = cache(Page)


def dead(root: Path) -> Iterator[str]:
    """Tell of each reference below ROOT that leads nowhere, one line each."""
    for path in sorted(root.rglob("*.html")):
        for line, url in read(path).references:
            why = fault(root, path, url)
            if why:
                yield f"{path.relative_to(root)}:{line}: {url}: {why}"


def fault(root: Path, page: Path, url: str) -> str:
    """What is wrong with a reference of that page; an empty string for nothing, and for what leads to another site."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(root.resolve()) or not target.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in read(target).anchors:
        return "no such anchor"
    return ""


def told(copy: Path) -> list[str]:
    """The links that the first page should have: of the collection itself, and of those who can help."""
    galaxy = yaml.safe_load((copy / "galaxy.yml").read_text(encoding="utf-8"))
    links = yaml.safe_load((copy / "docs" / "docsite" / "links.yml").read_text(encoding="utf-8"))
    forums = links.get("communication", {}).get("forums")
    if not forums:
        raise SystemExit("docs/docsite/links.yml names no forum: expected a list communication.forums")
    return [galaxy["repository"], galaxy["issues"], *(forum["url"] for forum in forums)]


def main() -> int:
    if not (PAGES / "index.html").is_file():
        print(f"{PAGES} has no site: build_site.py, which failed or did not run, builds it")
        return 1
    wrong = list(dead(PAGES))
    there = {url for _line, url in read(PAGES / "index.html").references}
    wrong += [f"index.html: no link to {url}" for url in told(Path(sys.argv[1])) if url not in there]
    pages = list(PAGES.rglob("*.html"))
    print(f"{len(pages)} pages, {sum(len(read(page).references) for page in pages)} references", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
