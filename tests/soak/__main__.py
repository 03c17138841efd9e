# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make soak``: see program.py."""

from __future__ import annotations

import sys

from ansible_collections.jetstream.governor.tests.soak.program import main

sys.exit(main())
