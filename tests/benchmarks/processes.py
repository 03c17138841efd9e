# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later

"""Four processes that do the same, and begin at the same moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any, Generic, TypeVar

PROCESSES = 4

_MEET_WITHIN = 120.0
_ANSWER_WITHIN = 300.0
_END_WITHIN = 10.0

Result = TypeVar("Result")
Meet = Callable[[], object]


class Team(Generic[Result]):
    def __init__(self, barrier: Barrier, answers: list[Connection[Any, Any]]) -> None:
        self._barrier = barrier
        self._answers = answers

    def meet(self) -> None:
        """Wait until all processes have called their ``meet``, and let them go on."""
        try:
            self._barrier.wait()
        except BrokenBarrierError:
            self.results()
            raise

    def results(self) -> list[Result]:
        """What each returned; or raise what went wrong first, not what came of it in the others."""
        received = [_received(answer) for answer in self._answers]
        errors = [error for _result, error in received if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error
        return [result for result, _error in received]


def _received(answer: Connection[Any, Any]) -> Any:
    """A pair of a result and an error, one of which is None."""
    if not answer.poll(_ANSWER_WITHIN):
        raise TimeoutError(f"a process has not come to an end within {_ANSWER_WITHIN:g} s")
    return answer.recv()


@contextlib.contextmanager
def team(work: Callable[..., Result], *args: object) -> Iterator[Team[Result]]:
    """Call ``work(number, meet, *args)`` in each process; ``meet()`` waits for the others and for ``Team.meet``."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES + 1, timeout=_MEET_WITHIN)
    processes: list[BaseProcess] = []
    answers = []
    try:
        for number in range(PROCESSES):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_member, args=(theirs, barrier, work, number, *args), daemon=True)
            process.start()
            # The other end is the process's alone, so that its death ends the pipe.
            theirs.close()
            processes.append(process)
            answers.append(ours)
        yield Team(barrier, answers)
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.join(_END_WITHIN)


def _member(
    answer: Connection[Any, Any], barrier: Barrier, work: Callable[..., Result], number: int, *args: object
) -> None:
    # Whoever presses Ctrl-C stops the program, which ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer.send((work(number, barrier.wait, *args), None))
    except BrokenBarrierError as error:
        answer.send((None, error))
    except Exception:  # noqa: BLE001  # whatever it is, it is told, and raised there
        barrier.abort()
        answer.send((None, RuntimeError(f"in process {number}:\n{traceback.format_exc()}")))
