# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the examples of the documentation against the installed collection, as a reader would.

``ANSIBLE_COLLECTIONS_PATH`` says where the collection is installed, ``NATS_SERVER`` which nats-server to start; Ansible
is that of the Python that runs this. The documentation is that of this checkout.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    # When this program is ended, what it has started ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="readme-") as folder:
        # The tests import each other by this name. Ansible must not see this folder, but only what is installed.
        tree = Path(folder) / "tree"
        collection = tree / "ansible_collections" / "jetstream" / "governor"
        collection.parent.mkdir(parents=True)
        collection.symlink_to(ROOT)
        sys.path.insert(0, str(tree))
        from ansible_collections.jetstream.governor.tests.readme.sections import run

        return run(ROOT, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
