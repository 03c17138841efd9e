# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""One job as AWX runs it: ``job.py FOLDER`` has ansible-runner run the playbook that FOLDER/job.json tells of.

When there is a file FOLDER/cancel, the job is cancelled; when there is FOLDER/time-is-up, it has run out of its time.
The last line that is printed is the job's status.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    # It has no type hints, and is only where these tests run.
    runner = importlib.import_module("ansible_runner")
    job = runner.interface.init_runner(
        private_data_dir=str(folder),
        ident="job",
        # How often it looks for a reason to end the job, in seconds.
        settings={"pexpect_timeout": 1, "suppress_env_files": True},
        **json.loads((folder / "job.json").read_text(encoding="utf-8")),
    )

    def cancelled() -> bool:
        if (folder / "time-is-up").exists():
            job.config.job_timeout = 0.001  # It began longer ago than that.
        return (folder / "cancel").exists()

    job.cancel_callback = cancelled
    job.run()
    print(job.status)


if __name__ == "__main__":
    main()
