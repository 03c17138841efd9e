# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nkey seeds of users, by the letters that they are made of. Where there is no need to sign, nkeys is not needed."""

from __future__ import annotations

import base64
import binascii


def seed_of(secret: bytes) -> str:
    """The seed of a user whose secret begins so."""
    # The two bytes say: a seed, of a user.
    data = bytes([18 << 3 | 20 >> 2, (20 & 3) << 6]) + secret[:32].ljust(32, b"\0")
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


SEED = seed_of(b"some")
