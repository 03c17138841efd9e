# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make bench``: this collection beside the reference algorithm and the ideal."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Only here: processes that this one starts load this file again, to no purpose.
    from ansible_collections.jetstream.governor.tests.benchmarks.program import main

    sys.exit(main())
