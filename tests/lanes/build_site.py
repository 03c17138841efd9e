# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the docs site of the collection, as sites for collections are built, and fail on any warning.

``build_site.py COPY``, where COPY is the lane's copy of the checkout, which ANSIBLE_COLLECTIONS_PATH leads to. It needs
antsibull-docs and Sphinx on PATH, and no internet.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from places import SITE

NAME = "jetstream.governor"
INIT = ["antsibull-docs", "sphinx-init", "--use-current", "--squash-hierarchy", "--fail-on-error", "--title", NAME]
SETTINGS = r"""
# Other sites cannot be asked, so what refers to them would be undefined. antsibull-docs itself refers to these pages of
# Ansible; and whether something of ansible.builtin exists is checked against ansible-core by lint-collection-docs.
intersphinx_mapping = {}
nitpick_ignore = [
    ("std:ref", label)
    for label in ("action_plugins", "ansible_configuration_settings", "callback_plugins", "common_return_values")
]
nitpick_ignore_regex = [("std:ref", r"ansible_collections\.ansible\.builtin\..+")]
"""
"""What is added to the conf.py that antsibull-docs writes."""


def main() -> int:
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    home = yaml.safe_load((Path(sys.argv[1]) / "galaxy.yml").read_text(encoding="utf-8"))["homepage"]
    theme = ["--extra-html-theme-options", f"documentation_home_url={home}"]
    subprocess.run([*INIT, *theme, "--dest-dir", str(SITE), NAME], check=True)
    with (SITE / "conf.py").open("a", encoding="utf-8") as conf:
        conf.write(SETTINGS)
    # It ends by sphinx-build -W --keep-going.
    return subprocess.run([str(SITE / "build.sh")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
