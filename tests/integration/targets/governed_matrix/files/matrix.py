# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix: each case as a bare task in one playbook and as a governed one in another, and what differs in results.

``matrix.py write FOLDER``: reads ``cases/*.yml`` beside it, and writes ``bare.yml`` and ``governed.yml`` into FOLDER.
Each plays all cases in a sandbox of its own, called ``box``, and writes their results into a file called after it.
``matrix.py play FOLDER VARIABLES``: plays both at once, and prints a list in JSON of what each said.
``matrix.py compare FOLDER`` prints the differences as a list in JSON.

A case has a ``name``, a ``task``, perhaps ``keywords`` beside it, in which ``RESULT`` is the variable with the result,
and tasks ``after`` it: what they register as ``seen`` is compared too. ``fails`` says whether it fails, null that this
is the machine's business; ``differs`` what of the result need not be the same. ``needs: root`` leaves it to root,
``needs: "2.21"`` to that ansible-core and newer.

With ``tasks`` instead, of which only the last may fail, the bare form has a task for each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from ansible.release import __version__ as ansible_version

FORMS = ("bare", "governed")
CASES = Path(__file__).with_name("cases")
GOVERNED = "jetstream.governor.governed"

# What differs from one run to the next by nature.
_PASSING = {
    *(
        "start",
        "stop",
        "end",
        "delta",
        "elapsed",
        "slot",
        "slots",
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


def the_cases() -> list[dict[str, Any]]:
    """Those that this user can run."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(CASES.glob("*.yml"))]
    cases = [case for text in texts for case in yaml.safe_load(text)]
    names = [case["name"] for case in cases]
    if len(set(names)) != len(names):
        raise SystemExit("two cases have the same name")
    core = tuple(int(part) for part in ansible_version.split(".")[:2])
    there = {None, *(["root"] if os.geteuid() == 0 else []), *(["2.21"] if core >= (2, 21) else [])}
    return [case for case in cases if case.get("needs") in there]


def play_of(form: str, cases: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = []
    results: dict[str, str] = {}
    for number, case in enumerate(cases):
        variable = f"result_{number}"
        if "tasks" in case and form == "bare":
            parts = [(step, f"{variable}_{index}") for index, step in enumerate(case["tasks"])]
            results[case["name"]] = "{'results': [" + ", ".join(part for _step, part in parts) + "]}"
        else:
            wrapped = {key: case[key] for key in ("task", "tasks") if key in case}
            parts = [({GOVERNED: wrapped} if form == "governed" else case["task"], variable)]
            results[case["name"]] = variable
        for step, part in parts:
            keywords = json.loads(json.dumps(case.get("keywords", {})).replace("RESULT", part))
            tasks.append({**step, "name": case["name"], "ignore_errors": True, **keywords, "register": part})
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
        "vars": {"box": str(folder / form), "form": form, "matrix_overridden": "by nobody"},
        "module_defaults": {GOVERNED: {"governor": "matrix", "servers": "{{ nats_url }}", "wait_timeout": "20s"}},
        "tasks": [
            {
                "name": "Make a sandbox",
                "ansible.builtin.file": {"path": "{{ box }}", "state": "directory", "mode": "0755"},
            },
            *tasks,
            {"name": "Tell all results", "ansible.builtin.copy": dump},
        ],
    }


def played(folder: Path, variables: str) -> list[dict[str, str]]:
    """What each playbook said, while both ran; SystemExit when one failed."""

    def run(form: str) -> subprocess.CompletedProcess[str]:
        words = ["ansible-playbook", "-i", "h1,another,", "-e", variables, str(folder / f"{form}.yml")]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(run, FORMS))
    if any(each.returncode for each in ended):
        raise SystemExit("\n".join(each.stdout + each.stderr for each in ended))
    return [{"stdout": each.stdout, "stderr": each.stderr} for each in ended]


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


def together(result: dict[str, Any]) -> dict[str, Any]:
    """Of several tasks, what can be compared: in both forms, what each returned and what of it counts for all."""
    steps = [{key: value for key, value in step.items() if key not in ("task", "action")} for step in result["results"]]
    for step in steps:
        if step.get("skipped"):
            # Not every ansible-core says it of what it has skipped.
            step.setdefault("failed", False)
    warnings = result.get("warnings", []) + [each for step in steps for each in step.pop("warnings", [])]
    states = {"changed": any, "skipped": all, "failed": any, "unreachable": any}
    computed = {state: of(bool(step.get(state)) for step in steps) for state, of in states.items()}
    told = {state: bool(result.get(state, computed[state])) for state in states}
    return {"results": steps, "warnings": warnings, **(told if "slot" in result else computed)}


def differences(cases: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    bare, governed = (json.loads((folder / f"{form}.json").read_text(encoding="utf-8")) for form in FORMS)
    if set(bare) != set(governed) or not bare:
        raise SystemExit("the two forms did not run the same cases")
    for case in cases:
        if "tasks" in case:
            for results in (bare, governed):
                results[case["name"]] = together(results[case["name"]])
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
    verb, folder, *variables = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
    cases = the_cases()
    if verb == "write":
        for form in FORMS:
            # JSON is YAML.
            (folder / f"{form}.yml").write_text(json.dumps([play_of(form, cases, folder)], indent=1), encoding="utf-8")
        print(len(cases))
    else:
        print(json.dumps(played(folder, *variables) if verb == "play" else differences(cases, folder)))


if __name__ == "__main__":
    main()
