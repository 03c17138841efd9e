# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a collection before it is published, as far as no other tool looks at it: see docs/publishing.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = "git.example.org"
"""The host that stands for the home of the project until it has one."""
PARTS = ("docs", "extensions", "meta", "playbooks", "plugins", "roles", "tests/integration", ".github")
TEXTS = {".md", ".rst", ".yml", ".yaml", ".py", ".j2", ".txt"}
MARKDOWN = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
RENDERED = sorted([ROOT / "README.md", *ROOT.glob("roles/*/README.md")])
"""What Galaxy and Automation Hub show, without the files beside it."""
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
PLUGINS = {"action", "callback", "doc_fragments", "module_utils", "modules", "plugin_utils"}
UNSKIPPABLE = {
    "command-instead-of-module",
    "command-instead-of-shell",
    "meta-no-info",
    "meta-runtime",
    "no-changed-when",
    "no-handler",
    "no-log-password",
    "package-latest",
    "risky-file-permissions",
    "risky-shell-pipe",
    "unnamed-task",
}
"""The rules of ansible-lint that certified collections may not skip."""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def data(name: str) -> Any:
    return yaml.safe_load(text(ROOT / name))


GALAXY = data("galaxy.yml")
HOME = GALAXY["repository"]
A_FILE = re.compile(re.escape(HOME) + r"(?:/-)?/(?:src/branch|blob|tree)/main/(.+)")
"""How Forgejo, GitLab and GitHub show a file."""


def prose(path: Path) -> str:
    """A document without its code."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text(path), flags=re.MULTILINE | re.DOTALL)


def targets(path: Path) -> list[str]:
    """What the links and images of a document in Markdown lead to."""
    found = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$|(?:src|href)=\"([^\"]*)\"", prose(path), re.MULTILINE)
    return [next(filter(None, groups), "") for groups in found]


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as forges make them, of a document in Markdown or reStructuredText."""
    headings = re.findall(r"^#+ (.+)$|^(.+)\n(?:=+|-+|~+)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", (one or other).lower()).replace(" ", "-") for one, other in headings}


def missing(target: Path, anchor: str) -> bool:
    return not target.exists() or bool(anchor and anchor not in anchors(target))


def published() -> Iterator[Path]:
    """Each text that users or their tools read."""
    yield from ROOT.glob("*.md")
    yield ROOT / "galaxy.yml"
    for part in PARTS:
        yield from (path for path in (ROOT / part).rglob("*") if path.suffix in TEXTS and path.is_file())


def strangers(path: Path) -> Iterator[str]:
    """Each address at the placeholder that is not what galaxy.yml says, with its place."""
    host, home = re.escape(PLACEHOLDER), re.escape(HOME)
    for number, line in enumerate(text(path).splitlines(), 1):
        urls = re.findall(rf"https?://{host}[^\s)>\"'`]*", line)
        people = re.findall(rf"[\w.+-]+@{host}", line)
        strange = [url for url in urls if not re.match(rf"{home}(?:/|$)", url)]
        strange += [person for person in people if f"<{person}>" not in " ".join(GALAXY["authors"])]
        yield from (f"{path.relative_to(ROOT)}:{number}: {address}" for address in strange)


def test_one_home() -> None:
    """Whoever publishes the collection changes galaxy.yml, and is told what else to change."""
    found = [stranger for path in published() for stranger in strangers(path)]
    expected = f"galaxy.yml says {HOME} and {', '.join(GALAXY['authors'])}; let these begin with that too"
    assert not found, "\n".join([expected, *found])


def test_galaxy_yml_agrees_with_itself() -> None:
    assert [key for key in ("documentation", "homepage", "issues") if not GALAXY[key].startswith(HOME)] == []


def test_the_readme_links_to_the_home() -> None:
    """Each guide, the tracker, and nothing of the project anywhere else."""
    found = targets(ROOT / "README.md")
    files = {match.group(1) for match in map(A_FILE.fullmatch, found) if match}
    guides = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/docsite/rst/guide_*.rst")}
    assert guides <= files
    assert GALAXY["issues"] in found
    elsewhere = [url for url in found if re.search(r"\.(md|rst|txt)(#.*)?$", url) and not A_FILE.fullmatch(url)]
    assert not elsewhere, f"the address of a file of the project begins with {HOME}, unlike {elsewhere}"


def test_the_readme_links_to_what_is_there() -> None:
    named = [match.group(1).partition("#") for match in map(A_FILE.fullmatch, targets(ROOT / "README.md")) if match]
    assert [name for name, _sign, anchor in named if missing(ROOT / name, anchor)] == []


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_relative_link(path: Path) -> None:
    assert [url for url in targets(path) if not url.startswith(("https://", "#"))] == []


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_what_is_there(path: Path) -> None:
    near = [url.partition("#") for url in targets(path) if "://" not in url]
    assert [name for name, _sign, anchor in near if missing(path.parent / name if name else path, anchor)] == []


@pytest.mark.parametrize(
    "section",
    ["Requirements", "Installation", "Communication", "Changelog", "License"],
)
def test_the_readme_has_a_section(section: str) -> None:
    assert f"\n## {section}\n" in text(ROOT / "README.md")


def test_the_readme_does_not_install_ansible() -> None:
    """Where execution environments bring ansible-core, pip does not."""
    assert not re.search(r"pip install[^\n]*\bansible(-core)?\b", text(ROOT / "README.md"))


def test_the_readme_says_which_ansible_core() -> None:
    oldest = re.fullmatch(r">=(\d+\.\d+)\.0", data("meta/runtime.yml")["requires_ansible"])
    assert oldest
    assert f"| ansible-core | {oldest.group(1)} to " in text(ROOT / "README.md")


def test_a_code_of_conduct() -> None:
    assert any(url.endswith("/CODE_OF_CONDUCT.md") for url in targets(ROOT / "README.md"))
    assert any(url.endswith("/code_of_conduct.html") for url in targets(ROOT / "CODE_OF_CONDUCT.md"))


def test_the_table_names_what_there_is() -> None:
    """Tests of this file, and steps of the lane ``lint``."""
    table = text(ROOT / "docs" / "publishing.md")
    lint = text(ROOT / "tests" / "lanes" / "lint_lane.py")
    assert {name for name in re.findall(r"`(test_\w+)`", table) if name not in globals()} == set()
    assert [name for name in re.findall(r"step `([\w-]+)`", table) if f'"{name}"' not in lint] == []


def test_plugins_have_known_folders() -> None:
    assert {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()} - {"__pycache__"} <= PLUGINS


@pytest.mark.parametrize("folder", ["module_utils", "plugin_utils"])
def test_what_is_private_begins_with_an_underscore(folder: str) -> None:
    """All but the core, which is for others to import."""
    assert [path.name for path in (ROOT / "plugins" / folder).glob("*.py") if not path.name.startswith("_")] == []


def test_the_action_group_has_all_modules() -> None:
    assert sorted(data("meta/runtime.yml")["action_groups"]["governor"]) == [path.stem for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_info_modules_inform(path: Path) -> None:
    """And these support check mode."""
    (written,) = [
        node.value.value
        for node in ast.parse(text(path)).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "DOCUMENTATION" for target in node.targets)
    ]
    documentation = yaml.safe_load(str(written))
    choices = documentation["options"].get("state", {}).get("choices", [])
    assert not {"get", "info", "list", "query"} & set(choices)
    if path.stem.endswith("_info"):
        assert documentation["attributes"]["check_mode"]["support"] == "full"


def test_roles_have_argument_specs() -> None:
    roles = [path for path in (ROOT / "roles").iterdir() if path.is_dir()]
    assert roles
    assert [role.name for role in roles if not (role / "meta" / "argument_specs.yml").is_file()] == []


def test_dependencies_are_released_collections() -> None:
    assert [name for name, wanted in GALAXY["dependencies"].items() if not re.match(r">=[1-9]", wanted)] == []


def test_python_packages_have_no_upper_bound() -> None:
    packages = [line for line in text(ROOT / "meta" / "ee-requirements.txt").splitlines() if not line.startswith("#")]
    assert packages
    assert [line for line in packages if re.search("[<=~!]", line.replace(">=", "")) or "ansible" in line] == []


def test_no_check_is_skipped() -> None:
    settings = data(".ansible-lint") if (ROOT / ".ansible-lint").exists() else {}
    skipped = {rule.partition("[")[0] for key in ("skip_list", "warn_list") for rule in settings.get(key, [])}
    assert not skipped & UNSKIPPABLE
    assert settings.get("profile", "production") == "production"
    assert not list(ROOT.glob("tests/sanity/ignore-*.txt"))
    assert not (ROOT / ".ansible-lint-ignore").exists()
