# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix: each case as a bare task in one playbook and as a governed one in another, and what differs in results.

``matrix.py write CASES FOLDER``: reads ``*.yml`` in CASES, and writes ``bare.yml`` and ``governed.yml`` into FOLDER.
Each plays all cases in a sandbox of its own, called ``box``, and writes their results into a file called after it.
``matrix.py compare CASES FOLDER`` prints the differences as a list in JSON.

A case has a ``name``, a ``task``, perhaps ``keywords`` beside it, in which ``RESULT`` is the variable with the result,
and tasks ``after`` it: what they register as ``seen`` is compared too. ``fails`` says whether it fails, null that this
is the machine's business; ``differs`` what of the result need not be the same. ``needs: root`` leaves it to root.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml

FORMS = ("bare", "governed")

# What differs from one run to the next by nature.
_PASSING = {
    *(
        "start",
        "stop",
        "end",
        "delta",
        "elapsed",
        "slot",
        "invocation",
        "exception",
        "cookies",
        "date",
        "cookies_string",
    ),
    *("atime", "mtime", "ctime", "inode", "version", "attributes", "backup_file", "content_length", "connection"),
    *("device_type", "dev", "nlink"),
}
_PASSING_TEXT = [
    (re.compile(r"__omit_place_holder__[0-9a-f]+"), "OMIT"),
    (re.compile(r"/[^ '\"]*ansible-(?:tmp|local)-[^ '\"]*"), "TEMPORARY"),
    (re.compile(r"/[^ '\"]*/\.source[^ '\"]*"), "TEMPORARY"),
    (re.compile(r"Paused for [0-9.]+ seconds"), "Paused"),
    (re.compile(r"Elapsed time: [0-9.]+|[0-9]+\.[0-9]{3,}"), "TIME"),
    (re.compile(r"(?<=The )\S+(?= action failed to execute)"), "ACTION"),
    (re.compile(r"/(?:bare|governed)(?=[/'\" ]|$)"), "/BOX"),
]

# More facts than a play sets itself are those of a host, and some of them change all the time.
_MANY_FACTS = 20


def cases_of(folder: Path) -> list[dict[str, Any]]:
    """Those that this user can run."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yml"))]
    cases = [case for text in texts for case in yaml.safe_load(text)]
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names):
        raise SystemExit("two cases have the same name")
    return [case for case in cases if case.get("needs") != "root" or os.geteuid() == 0]


def play(form: str, cases: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    results: dict[str, str] = {}
    for number, case in enumerate(cases):
        task = {key: value for key, value in case["task"].items() if key != "name"}
        if form == "governed":
            task = {"jetstream.governor.governed": {"task": task}}
        keywords = json.loads(json.dumps(case.get("keywords", {})).replace("RESULT", f"result_{number}"))
        keywords = {"ignore_errors": True, **keywords, "register": f"result_{number}"}
        tasks.append({"name": case["name"], **task, **keywords})
        results[case["name"]] = f"result_{number}"
        if "after" in case:
            tasks += case["after"]
            keep = {f"seen_{number}": "{{ seen }}"}
            tasks.append({"name": f"Remember what was seen of: {case['name']}", "ansible.builtin.set_fact": keep})
            results[f"{case['name']}: seen"] = f"seen_{number}"
    everything = ", ".join(f"{json.dumps(name)}: {variable}" for name, variable in results.items())
    content = "{{ {" + everything + "} | to_json }}"
    dump = {"content": content, "dest": str(folder / f"{form}.json"), "mode": "0600"}
    return {
        "name": f"All cases, {form}",
        "hosts": "h1",
        "gather_facts": False,
        "vars": {"box": str(folder / form), "form": form},
        "module_defaults": {
            "jetstream.governor.governed": {"governor": "matrix", "servers": "{{ nats_url }}", "wait_timeout": "20s"}
        },
        "tasks": [
            {
                "name": "Make a sandbox",
                "ansible.builtin.file": {"path": "{{ box }}", "state": "directory", "mode": "0755"},
            },
            *tasks,
            {"name": "Tell all results", "ansible.builtin.copy": dump},
        ],
    }


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        facts = value.get("ansible_facts")
        if isinstance(facts, dict) and len(facts) > _MANY_FACTS:
            value = {**value, "ansible_facts": sorted(facts)}
        return {key: comparable(each) for key, each in value.items() if key not in _PASSING}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, str):
        for pattern, word in _PASSING_TEXT:
            value = pattern.sub(word, value)
    return value


def differences(cases: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    bare, governed = (json.loads((folder / f"{form}.json").read_text(encoding="utf-8")) for form in FORMS)
    if set(bare) != set(governed) or not bare:
        raise SystemExit("the two forms did not run the same cases")
    allowed = {case["name"]: set(case.get("differs", [])) for case in cases}
    found = [
        {"case": case["name"], "fails": bool(bare[case["name"]].get("failed"))}
        for case in cases
        if case.get("fails", False) not in (None, bool(bare[case["name"]].get("failed")))
    ]
    for name in bare:
        one, other = comparable(bare[name]), comparable(governed[name])
        keys = {key for key in {*one, *other} if one.get(key) != other.get(key)} - allowed.get(name, set())
        if keys:
            pair = {form: {key: each.get(key) for key in keys} for form, each in zip(FORMS, (one, other))}
            found.append({"case": name, **pair})
    return found


def main() -> None:
    cases, folder = cases_of(Path(sys.argv[2])), Path(sys.argv[3])
    if sys.argv[1] == "write":
        for form in FORMS:
            # JSON is YAML.
            (folder / f"{form}.yml").write_text(json.dumps([play(form, cases, folder)], indent=1), encoding="utf-8")
        print(len(cases))
    else:
        print(json.dumps(differences(cases, folder)))


if __name__ == "__main__":
    main()
