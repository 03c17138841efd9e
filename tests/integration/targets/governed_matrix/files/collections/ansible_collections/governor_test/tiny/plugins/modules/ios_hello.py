#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """As network collections have them: not to be run but by the action of its platform."""
    AnsibleModule(argument_spec={"word": {"type": "str"}}).exit_json(changed=True, ran="the module")


if __name__ == "__main__":
    main()
