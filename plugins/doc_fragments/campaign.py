# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How to campaign for a slot: what governor_slot and governed share."""

    DOCUMENTATION = r"""
options:
  governor:
    description: Name of the governor.
    type: str
    required: true
  holder:
    description: Who holds the slot, for people to read. C(inventory_hostname) by default.
    type: str
  run_id:
    description:
      - Together with the holder, the owner of the slot, who may release it. By default C(awx_job_id) where it is set,
        else an id of this C(ansible-playbook) process.
      - Set it to let one job take a slot and another give it back.
    type: str
  wait_timeout:
    description: How long to wait for a slot; V(0) to try once. The C(timeout) of the task counts the wait too.
    type: str
    default: 5m
  interval:
    description: How long to wait between tries, on average.
    type: str
    default: 250ms
  backoff:
    description:
      - Instead of O(interval), waits that grow. A policy of Choria by name, V(FiveSecStartGrace), V(FiveSec),
        V(TwentySec) or V(Default), or a list of milliseconds of which the last is repeated.
    type: list
    elements: str
"""
