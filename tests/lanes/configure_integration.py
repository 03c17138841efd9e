# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the integration tests in a copy of the checkout where nats-server is, and Ansible where to keep its files.

ansible-test passes no environment on to the tests, but takes these two files. Without the second, Ansible's local
connection works in the home that the user database names, whatever HOME says.

``configure_integration.py COPY SERVER``
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> int:
    folder, server = Path(sys.argv[1]) / "tests" / "integration", sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "integration_config.yml").write_text(f"---\nnats_server: {json.dumps(server)}\n", encoding="utf-8")
    remote, jobs = os.environ["ANSIBLE_REMOTE_TMP"], os.environ["ANSIBLE_ASYNC_DIR"]
    settings = f"[defaults]\nremote_tmp = {remote}\nasync_dir = {jobs}\n"
    (folder / "integration.cfg").write_text(settings, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
