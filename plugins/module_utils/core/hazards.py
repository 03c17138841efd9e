# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations that a server accepts without complaint and that make a governor unsafe. Pure.

A change to such a configuration is refused. Governors that have one already are reported. Versions of nats-server are
(major, minor, patch).
"""

from __future__ import annotations

from .config import GovernorConfig
from .errors import ConfigRefused, InUse
from .jetstream import Json
from .state import State

Version = tuple[int, int, int]

# Older servers make room for a lower max_msgs by deleting the oldest messages: holders would lose their slots without
# being told (nats-server#2589, fixed by #4802).
_LOWERS_SAFELY = (2, 10, 6)

# On older servers each replica expires entries by a timer of its own, and refuses new ones when it is itself full. The
# replicas come to have different entries, and the next leader grants slots that the last one has granted already
# (nats-server#7607, #7608).
_EXPIRES_TOGETHER = (2, 14, 0)

_RISKS = {
    "allow_msg_ttl": "clients may give an entry a lifetime of its own, longer than max_age (allow_msg_ttl)",
    "allow_rollup_hdrs": "clients may delete all other entries by a header (allow_rollup_hdrs)",
}


def hazards(config: GovernorConfig, stream: Json, version: Version) -> list[str]:
    """Return what is unsafe about a governor on a server of this version, as a list of sentences.

    ``stream`` is the configuration of its stream.
    """
    name = f"Governor '{config.name}'"
    found = [f"{name}: {risk}." for option, risk in _RISKS.items() if stream.get(option)]
    if _replicas_drift(config, version):
        found.append(f"{name} {_drifting(config, version)}")
    return found


def check_change(before: State | None, after: GovernorConfig, version: Version, server: str, force: bool) -> None:
    """Check that a server of this version changes a governor to ``after`` safely.

    ``before`` is None when the governor is to be created. ``server`` is named in messages.

    Raises InUse when the server would delete entries to make room for a lower limit. Raises ConfigRefused when a single
    server is asked for replicas, which nats-server 2.10 accepts on an update without complaint, and when the replicas
    would come to have different entries. ``force`` allows the first and the last; the last is also allowed when the
    governor is in that state already.
    """
    if before is not None:
        _check_limit(before, after, version, force)
        if after.replicas > 1 and not before.clustered:
            raise ConfigRefused(
                f"Could not update governor '{after.name}': {after.replicas} replicas need a cluster of JetStream "
                f"servers, and {server} is in none."
            )
    new = before is None or not _replicas_drift(before.config, version)
    if new and _replicas_drift(after, version) and not force:
        raise ConfigRefused(
            f"Could not {'create' if before is None else 'update'} governor '{after.name}': it "
            f"{_drifting(after, version)} Or use force."
        )


def _check_limit(before: State, after: GovernorConfig, version: Version, force: bool) -> None:
    if after.limit < before.active and version < _LOWERS_SAFELY and not force:
        raise InUse(
            f"Governor '{after.name}' has {before.active} active entries, and nats-server {_shown(version)} would "
            f"evict the oldest of them for a limit of {after.limit} (2.10.6 and later keep them). Wait until they are "
            "done, upgrade the server, or use force."
        )


def _replicas_drift(config: GovernorConfig, version: Version) -> bool:
    return config.replicas > 1 and config.max_age > 0 and version < _EXPIRES_TOGETHER


def _drifting(config: GovernorConfig, version: Version) -> str:
    return (
        f"has {config.replicas} replicas and a max_age, and nats-server {_shown(version)} lets each replica expire "
        "entries by itself: after a change of leader more may hold a slot than the limit allows (2.14 and later are "
        "safe). Set max_age to 0 or replicas to 1, or upgrade the servers."
    )


def _shown(version: Version) -> str:
    return ".".join(map(str, version))
