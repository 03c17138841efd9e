# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader can try of a document: its playbooks, also in check mode, and some of its commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable, NamedTuple, NoReturn

import yaml

from ansible_collections.jetstream.governor.tests.readme.fences import Block
from ansible_collections.jetstream.governor.tests.readme.playground import HOSTS, Failed, Playground

COLLECTION = "jetstream.governor"
SHELLS = ("console", "shell", "sh", "bash")

# The command of a line of a crontab, behind its five fields.
_CRON = re.compile(r"^[\d*]\S*(?: +\S+){4} +(ansible-playbook .+)$", re.MULTILINE)

_ALWAYS_THERE = ("all", "ungrouped", "localhost", "127.0.0.1", "", *HOSTS)
_INSTALL = ["ansible-galaxy", "collection", "install"]
# The name, perhaps with a version; the tarball, in any folder; or the repository.
_OURS = re.compile(
    r"jetstream\.governor(:\S+)?|(\S*/)?jetstream-governor-[\w.*-]+\.tar\.gz|git\+\S*/jetstream/governor\S*"
)


class Step(NamedTuple):
    """One thing to try. ``run`` raises Failed, or whatever goes wrong in it."""

    name: str
    run: Callable[[Playground], object]


def is_playbook(data: Any) -> bool:
    """Tell whether this is a list of plays, some of which may be imported."""
    keys = ("hosts", "import_playbook", "ansible.builtin.import_playbook")
    return isinstance(data, list) and any(isinstance(item, dict) and any(key in item for key in keys) for item in data)


def checks(document: str, blocks: list[Block]) -> list[Step]:
    """List each playbook of one document, to run in check mode on an empty server. ``document`` is its name."""
    return [
        Step(f"{document}:{block.line} --check {_title(data)}", partial(Playground.play, text=block.text, check=True))
        for block in blocks
        if _is_yaml(block) and is_playbook(data := _parsed(block.text))
    ]


def steps(document: str, blocks: list[Block]) -> list[Step]:
    """List all that there is to try of one document, in its order."""
    found: list[Step] = []
    for block in blocks:
        place = f"{document}:{block.line}"
        if _is_yaml(block):
            found.append(_yaml_step(place, block.text))
        elif block.language in SHELLS:
            found += _command_steps(place, block.text)
        elif block.language == "text":
            found += _command_steps(place, "\n".join(_CRON.findall(block.text)))
    return found


def groups(blocks: list[Block]) -> set[str]:
    """Return the groups that the plays of these blocks name."""
    return {group for block in blocks if _is_yaml(block) for group in _groups(block.text)}


def _groups(text: str) -> Iterator[str]:
    data = _parsed(text)
    for play in data if is_playbook(data) else []:
        hosts = play.get("hosts", [])
        pattern = ",".join(map(str, hosts)) if isinstance(hosts, list) else str(hosts)
        if "{{" not in pattern and "~" not in pattern:
            # Of a pattern such as db*[0:2]:!cache, the groups db and cache are what has to be there.
            names = (name.strip("!&* ") for name in re.split("[,:]", re.sub(r"\[[^]]*\]", "", pattern)))
            yield from (name for name in names if name not in _ALWAYS_THERE)


def _yaml_step(place: str, text: str) -> Step:
    data = _parsed(text)
    if isinstance(data, yaml.YAMLError):
        return Step(f"{place} YAML", partial(fail, str(data)))
    if not is_playbook(data):
        return Step(f"{place} is YAML, not a playbook: only read", lambda _ground: None)
    return Step(f"{place} {_title(data)}", partial(Playground.play, text=text))


def _is_yaml(block: Block) -> bool:
    return block.language in ("yaml", "yml")


def _title(playbook: list[dict[str, Any]]) -> str:
    return next((str(play["name"]) for play in playbook if "name" in play), "playbook")


def _parsed(text: str) -> Any:
    """Return the data, or the error."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        return exc


def _command_steps(place: str, text: str) -> Iterator[Step]:
    for command in _commands(text):
        words, name = shlex.split(command, comments=True), f"{place} {' '.join(command.split())}"
        if words[: len(_INSTALL)] == _INSTALL:
            yield Step(name, partial(_check_install, words))
        elif words[0] == "ansible-playbook" and any(word.startswith(f"{COLLECTION}.") for word in words):
            yield Step(name, partial(_run_playbook, words))


def _commands(text: str) -> list[str]:
    """List the commands of Ansible. Where there are prompts, the other lines are what the commands print."""
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    prompted = [line[2:].strip() for line in lines if line.startswith("$ ")]
    return [line for line in prompted or lines if line.startswith("ansible-")]


def _check_install(words: list[str], _ground: Playground) -> None:
    """Check that this collection is installed: by name, as a file, from its repository, or as requirements say."""
    rest = words[len(_INSTALL) :]
    if not any(_OURS.fullmatch(word) for word in rest) and "-r" not in rest:
        fail(f"This does not install {COLLECTION}: {' '.join(words)}")


def _run_playbook(words: list[str], ground: Playground) -> None:
    ground.run_playbook(*words[1:])


def fail(why: str, *_whatever: object) -> NoReturn:
    raise Failed(why)
