# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Galaxy's importer on a tarball; its warnings count, though it does not fail for them itself.

It goes without its run of ansible-lint, which is a step of its own, and stricter there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile


def main() -> int:
    command = [sys.executable, "-m", "galaxy_importer.main", sys.argv[1]]
    environment = {**os.environ, "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false"}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    print(run.stdout)
    bad = [line for line in run.stdout.splitlines() if line.startswith(("WARNING", "ERROR"))]
    print(f"exit code {run.returncode}, {len(bad)} warnings and errors", *bad, sep="\n")
    return run.returncode or (1 if bad else 0)


if __name__ == "__main__":
    sys.exit(main())
