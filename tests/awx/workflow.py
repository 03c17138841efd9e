# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes of a workflow AWX runs, and what becomes of the workflow.

Restated from AWX 24.6 for nodes of which any parent may lead to them, which is how nodes are unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Optional

Status = Literal["successful", "failed", "canceled"]


@dataclass(frozen=True)
class Node:
    """The identifiers of the nodes that follow this one."""

    success_nodes: list[str] = field(default_factory=list)
    failure_nodes: list[str] = field(default_factory=list)
    always_nodes: list[str] = field(default_factory=list)

    def followed_by(self, status: Status) -> list[str]:
        return [*(self.success_nodes if status == "successful" else self.failure_nodes), *self.always_nodes]

    @property
    def children(self) -> list[str]:
        return [*self.success_nodes, *self.failure_nodes, *self.always_nodes]


def run(nodes: Mapping[str, Node], job: Callable[[str], Status]) -> dict[str, Optional[Status]]:
    """Run the job of each node that is reached; None for those that are not. In the order in which it is known."""
    parents = {name: [other for other, node in nodes.items() if name in node.children] for name in nodes}
    known: dict[str, Optional[Status]] = {}
    while len(known) < len(nodes):
        ready = [name for name in nodes if name not in known and all(parent in known for parent in parents[name])]
        for name in ready:
            outcomes = [(nodes[parent], known[parent]) for parent in parents[name]]
            reached = not outcomes or any(status and name in node.followed_by(status) for node, status in outcomes)
            known[name] = job(name) if reached else None
    return known


def has_failed(nodes: Mapping[str, Node], outcome: Mapping[str, Optional[Status]]) -> bool:
    """A failure that another node follows is taken to be dealt with."""
    return any(
        status in ("failed", "canceled") and not [*nodes[name].failure_nodes, *nodes[name].always_nodes]
        for name, status in outcome.items()
    )
