#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Tells what it was given."""
    module = AnsibleModule(
        argument_spec={
            "data": {"type": "dict", "required": True},
            "word": {"type": "str"},
            "other": {"type": "str"},
            "warns": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.params["warns"]:
        module.warn(f"tiny warns {module.params['word']}")
        module.deprecate(
            f"tiny deprecates {module.params['word']}", version="9.0.0", collection_name="jetstream.governor"
        )
    module.exit_json(changed=True, given=module.params, check_mode=module.check_mode)


if __name__ == "__main__":
    main()
