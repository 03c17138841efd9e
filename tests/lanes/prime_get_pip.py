# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give ansible-test the script get-pip.py, which it would otherwise download from a host that CI may not reach.

Before it downloads, ansible-test looks into ~/.ansible/test/cache. The script made here does the same as the real one,
with the wheel of the very pip that this ansible-test wants. Run it with the Python that ansible-test is installed for.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SCRIPT = """\
import sys
sys.path.insert(0, {wheel!r})
from pip._internal.cli.main import main
sys.exit(main(["install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]))
"""


def wanted_pip() -> str:
    """The version of pip that the installed ansible-test puts into its environments."""
    spec = find_spec("ansible_test")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("ansible_test is not installed for this Python")
    source = Path(next(iter(spec.submodule_search_locations))) / "_internal" / "python_requirements.py"
    found = re.search(r"pip='([0-9.]+)'", source.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{source} does not tell the version of pip")
    return found.group(1)


def main() -> int:
    version = wanted_pip()
    cache = Path.home() / ".ansible" / "test" / "cache"
    get_pip = cache / f"get_pip_{version.replace('.', '_')}.py"
    if get_pip.is_file():
        return 0
    cache.mkdir(parents=True, exist_ok=True)
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(cache),
        f"pip=={version}",
    ]
    subprocess.run(download, check=True)
    wheel = str(next(cache.glob(f"pip-{version}-*.whl")))
    get_pip.write_text(SCRIPT.format(wheel=wheel), encoding="utf-8")
    print(f"pip {version} is in {cache}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
