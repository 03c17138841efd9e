# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument spec of the connection options, which every face shares.

No option has a default or a fallback to the environment here. An empty value counts as not given, and a context comes
before the environment: Ansible's own fallbacks cannot express that, so ``settings.resolve`` does it.
"""

from __future__ import annotations

from typing import Any

CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "servers": {"type": "list", "elements": "str"},
    "context": {"type": "str"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "creds": {"type": "path"},
    "nkey_seed": {"type": "str", "no_log": True},
    "user_jwt": {"type": "str", "no_log": True},
    "user_seed": {"type": "str", "no_log": True},
    "tls_ca": {"type": "path"},
    "tls_cert": {"type": "path"},
    # This is the path of the key, not the key.
    "tls_key": {"type": "path", "no_log": False},
    "tls_first": {"type": "bool"},
    "tls_server_name": {"type": "str"},
    "js_domain": {"type": "str"},
    "js_api_prefix": {"type": "str"},
    "inbox_prefix": {"type": "str"},
    "connect_timeout": {"type": "str"},
    "request_timeout": {"type": "str"},
}
