# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when the collection's tarball holds what users do not need, or lacks what they do."""

from __future__ import annotations

import sys
import tarfile

TOP = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "SECURITY.md",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "tests",
}
NEEDED = {
    "README.md",
    "LICENSES/GPL-3.0-or-later.txt",
    "extensions/awx/credential_type.yml",
    "extensions/awx/execution-environment.yml",
    "meta/ee-requirements.txt",
    "meta/runtime.yml",
}


def main() -> int:
    with tarfile.open(sys.argv[1]) as archive:
        names = [name.removeprefix("./") for name in archive.getnames()]
    stray = sorted(name for name in names if name.split("/")[0] not in TOP or "__pycache__" in name)
    missing = sorted(NEEDED - set(names))
    print(
        f"{len(names)} names",
        *(f"stray: {name}" for name in stray),
        *(f"missing: {name}" for name in missing),
        sep="\n",
    )
    return 1 if stray or missing else 0


if __name__ == "__main__":
    sys.exit(main())
