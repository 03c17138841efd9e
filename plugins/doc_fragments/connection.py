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
      - The URLs of NATS servers, as a list or separated by commas. They begin with C(nats://) or C(tls://), or with
        C(wss://) or C(ws://), which need the Python package C(aiohttp).
      - What the task does not set comes from the context that it names in O(context), then from the environment
        variables of the NATS CLI, here E(NATS_URL), then from the context of the environment or the selected one. The
        servers are V(nats://127.0.0.1:4222) if none of them has any.
      - Environment variables are read where the task runs. Those that the task sets by C(environment) come first, but
        Ansible shows these to whoever lists processes there, so keep secrets out of them.
      - An empty value and an empty file count as not given, for every option of the connection.
    type: list
    elements: str
  context:
    description:
      - A context of the NATS CLI, by its name or the path of its file. Its values come after the task's options and
        before the environment.
      - The default is the context in the environment variable E(NATS_CONTEXT), then the one that
        C(nats context select) has selected. Their values come after the environment, as in the NATS CLI.
      - A context that sets anything that is not supported here, such as a proxy, is refused.
    type: str
  user:
    description:
      - The user to log in as; without a O(password) it is a token, as in the NATS CLI. The variable is E(NATS_USER).
      - There is one way to log in, by O(user), O(token), O(creds), O(nkey_seed) or O(user_jwt). The first source that
        gives any of them decides. A login in the URLs of O(servers) counts like these, if its source has none of them.
    type: str
  password:
    description:
      - The password of O(user). The variable is E(NATS_PASSWORD).
      - Here and in O(token), O(user_jwt) and O(user_seed), C(env://NAME), C(file://PATH) and C(data:;base64,...) stand
        for what is in the variable, in the file or in the rest.
    type: str
  token:
    description: The token to log in with. The variable is E(NATS_TOKEN).
    type: str
  creds:
    description:
      - The path of a credentials file (JWT and seed) to log in with, also as C(file://PATH); or C(env://NAME) or
        C(data:;base64,...). The variable is E(NATS_CREDS).
      - It needs the Python package C(nkeys).
    type: path
  nkey_seed:
    description:
      - The nkey seed of the user to log in as, or the path of a file that holds it, or a URL as in O(creds). The
        variable is E(NATS_NKEY).
      - It needs the Python package C(nkeys).
    type: str
  user_jwt:
    description:
      - The JWT of the user to log in as, with its seed in O(user_seed). The variable is E(NATS_JWT).
      - Without a seed it is the JWT of a bearer, which the server lets in without a signature.
    type: str
  user_seed:
    description:
      - The nkey seed of the user in O(user_jwt). The variable is E(NATS_SEED).
      - It needs the Python package C(nkeys).
    type: str
  tls_ca:
    description:
      - The path of the certificate authorities to trust. The variable is E(NATS_CA).
      - This and every other option of TLS, and C(tls://), ask for TLS. A server without it is refused, and no login is
        sent to it.
    type: path
  tls_cert:
    description: The path of the client's certificate. The variable is E(NATS_CERT).
    type: path
  tls_key:
    description: The path of the client's key. The variable is E(NATS_KEY).
    type: path
  tls_first:
    description: Whether to begin with the TLS handshake, before the server's greeting, for servers that want that.
    type: bool
  tls_server_name:
    description: The host name to expect in the server's certificate, when it is not the one in O(servers).
    type: str
  js_domain:
    description: The JetStream domain, as behind a leaf node.
    type: str
  js_api_prefix:
    description:
      - What stands for C($JS.API) in an account that imports the JetStream API of another account under another name.
      - It excludes O(js_domain).
    type: str
  inbox_prefix:
    description: The prefix of the subjects on which answers come, V(_INBOX) by default.
    type: str
  connect_timeout:
    description: How long to try each server before giving up; V(5s) by default.
    type: str
  request_timeout:
    description:
      - How long to wait for the answer to one request; V(5s) by default. The variable is E(NATS_TIMEOUT).
      - A request without an answer is repeated for at least 15 seconds, until it is known what the server did.
    type: str
notes:
  - The guide R(Connect, ansible_collections.jetstream.governor.docsite.guide_connect) shows each way to sign in.
  - Durations are numbers of seconds, or strings like V(250ms), V(90s), V(5m), V(1h30m) and V(7d).
"""

    # For modules, which run where their task runs.
    TARGET = r"""
options: {}
requirements:
  - Python 3.9 or newer, and nats-py 2.10.0 or newer, on the host that runs the task
notes:
  - The task needs C(nats-py) and access to NATS where it runs. Use C(delegate_to) with localhost, as the examples do,
    and managed hosts need neither.
"""

    # For what runs on the controller, whatever host its task is for.
    CONTROLLER = r"""
options: {}
requirements:
  - nats-py 2.10.0 or newer where C(ansible-playbook) runs
"""
