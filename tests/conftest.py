# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make ``pytest`` work in a checkout whatever its folder is called, and say what is missing in one sentence.

The tests import the collection as ``ansible_collections.jetstream.governor``. ansible-test and ``make test`` see to
that; otherwise pytest-ansible does, from here, so that the conftest.py files of the folders below find it too.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "ansible_collections.jetstream.governor"


def importable() -> bool:
    try:
        return find_spec(COLLECTION) is not None
    except ModuleNotFoundError:
        return False


def pytest_addoption() -> None:
    """Come before all else: no other hook is called until the files below have been imported."""
    if not importable() and find_spec("pytest_ansible"):
        importlib.import_module("pytest_ansible.units").inject(ROOT)
    if not importable():
        raise pytest.UsageError(
            f"{COLLECTION} cannot be imported: pip install pytest-ansible nats-py jmespath ansible-core"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop at once where tests were chosen that need a server, and there is none."""
    folders = {item.path.resolve().parent for item in items}
    if any(ROOT / "tests" / "unit" not in [folder, *folder.parents] for folder in folders):
        from ansible_collections.jetstream.governor.tests.support.server import NoServerError, binary

        try:
            binary()
        except NoServerError as reason:
            raise pytest.UsageError(str(reason)) from None
