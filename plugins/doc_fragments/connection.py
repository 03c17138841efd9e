# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options for the connection to NATS, which all modules share."""

    DOCUMENTATION = r"""
options:
  servers:
    description:
      - The URLs of NATS servers, C(nats://) or C(tls://), as a list or separated by commas.
      - Falls back to the context, then to the environment variable E(NATS_URL), then to V(nats://127.0.0.1:4222).
      - Environment variables are read where the task runs. Those that the task sets by C(environment) come first.
      - An empty value and an empty file count as not given, for every option of the connection.
    type: list
    elements: str
  context:
    description:
      - A context of the NATS CLI, by its name or the path of its file.
      - Its values come after the task's options and before the environment.
      - Falls back to the environment variable E(NATS_CONTEXT).
    type: str
  user:
    description:
      - The user to log in as. Falls back to the context, then to E(NATS_USER).
      - There is one way to log in, by O(user), O(token), O(creds) or O(nkey_seed). The first of task, context and
        environment that gives any of them decides.
    type: str
  password:
    description: The password of O(user). Falls back to the context, then to E(NATS_PASSWORD).
    type: str
  token:
    description: The token to log in with. Falls back to the context, then to E(NATS_TOKEN).
    type: str
  creds:
    description:
      - The path of a credentials file (JWT and seed) to log in with. Falls back to the context, then to E(NATS_CREDS).
      - It needs the Python package C(nkeys).
    type: path
  nkey_seed:
    description:
      - The nkey seed of the user to log in as, or the path of a file that holds it. Falls back to the context, then to
        E(NATS_NKEY).
      - It needs the Python package C(nkeys).
    type: str
  tls_ca:
    description: The path of the certificate authorities to trust. Falls back to the context, then to E(NATS_CA).
    type: path
  tls_cert:
    description: The path of the client's certificate. Falls back to the context, then to E(NATS_CERT).
    type: path
  tls_key:
    description: The path of the client's key. Falls back to the context, then to E(NATS_KEY).
    type: path
  tls_first:
    description: Whether to begin with the TLS handshake, before the server's greeting. Falls back to the context.
    type: bool
  tls_server_name:
    description: The host name to expect in the server's certificate, when it is not the one in O(servers).
    type: str
  js_domain:
    description: The JetStream domain. Falls back to the context.
    type: str
  inbox_prefix:
    description: The prefix of the subjects on which answers come, V(_INBOX) by default. Falls back to the context.
    type: str
  connect_timeout:
    description: How long to try each server before giving up; V(5s) by default.
    type: str
  request_timeout:
    description:
      - How long to wait for the answer to one request; V(5s) by default. Falls back to E(NATS_TIMEOUT).
      - A request without an answer is repeated for at least 15 seconds, until it is known what the server did.
    type: str
notes:
  - Durations are numbers of seconds, or strings like V(250ms), V(90s), V(5m), V(1h30m) and V(7d).
"""

    # For modules, which run where their task runs.
    TARGET = r"""
options: {}
requirements:
  - nats-py >= 2.9.0 on the host that runs the task
notes:
  - The task needs C(nats-py) and access to NATS where it runs. Use C(delegate_to) with localhost, as the examples do,
    and managed hosts need neither.
"""

    # For what runs on the controller, whatever host its task is for.
    CONTROLLER = r"""
options: {}
requirements:
  - nats-py >= 2.9.0 where C(ansible-playbook) runs
"""
