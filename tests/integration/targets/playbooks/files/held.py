# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""``held.py URL STREAM``: print how many messages the stream has now, as the server's monitoring at URL tells."""

from __future__ import annotations

import json
import sys
from urllib.request import urlopen


def main() -> None:
    url, name = sys.argv[1:]
    # It is the test's own server on this machine.
    with urlopen(f"{url}/jsz?accounts=true&streams=true", timeout=10) as answer:  # noqa: S310
        accounts = json.load(answer)["account_details"]
    streams = [stream for account in accounts for stream in account.get("stream_detail", [])]
    print("held:", *(stream["state"]["messages"] for stream in streams if stream["name"] == name))


if __name__ == "__main__":
    main()
