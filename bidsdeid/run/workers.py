"""Who does participants: this process, several on this machine, or those of a Dask cluster.

Whoever does them, a participant is one task that depends on nothing but the study and its own
files, so that the result is the same.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from bidsdeid import __version__
from bidsdeid.core.ledger import Ledger
from bidsdeid.core.plan import Plan
from bidsdeid.errors import ToolError, UsageError
from bidsdeid.run.participant import Task, run_participant
from bidsdeid.run.study import Study

if TYPE_CHECKING:
    from distributed import Client

#: Old label of a participant, and what it came to.
Done: TypeAlias = tuple[str, Ledger | BaseException]

#: So many participants for each worker are made ready.
_AHEAD = 4

#: A cluster that does not answer for so long is not there.
_SECONDS = 30


def outcomes(study: Study, plan: Plan, labels: Sequence[str], processes: int) -> Iterator[Done]:
    """Yield what each participant came to, as soon as it is done.

    Parameters
    ----------
    study : Study
    plan : Plan
    labels : sequence of str
        Old labels, in the order in which they are begun.
    processes : int
        On this machine; if it is 1, it is this process.

    Raises
    ------
    UsageError
        If the Dask cluster that is asked for cannot be used.
    """
    tasks = (Task(label, plan.participants[label]) for label in labels)
    if study.config.executor == "dask":
        return _on_dask(study, tasks)
    if min(processes, len(labels)) <= 1:
        return _in_turn(study, tasks)
    return _in_processes(study, tasks, min(processes, len(labels)))


def _in_turn(study: Study, tasks: Iterator[Task]) -> Iterator[Done]:
    for task in tasks:
        try:
            yield task.participant, run_participant(study, task)
        except Exception as error:  # noqa: BLE001 -- the one boundary; reported and counted
            yield task.participant, error


def _in_processes(study: Study, tasks: Iterator[Task], processes: int) -> Iterator[Done]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (study,)) as pool:
        try:
            yield from _ahead(tasks, processes, lambda task: pool.submit(_go_on, task))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ahead(
    tasks: Iterator[Task], workers: int, submit: Callable[[Task], Future[Ledger]]
) -> Iterator[Done]:
    """Submit as many tasks as keep all at work, and no more: what is sent stays in memory."""
    futures: dict[Future[Ledger], str] = {}
    while True:
        for task in islice(tasks, _AHEAD * workers - len(futures)):
            try:
                futures[submit(task)] = task.participant
            except BrokenProcessPool as broken:
                yield task.participant, broken
        if not futures:
            return
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            yield futures.pop(future), future.exception() or future.result()


#: In a process of its own: the study, which is sent once and not with each participant.
_STUDIES: list[Study] = []


def _begin(study: Study) -> None:
    _STUDIES.append(study)


def _go_on(task: Task) -> Ledger:
    return run_participant(_STUDIES[0], task)


def _on_dask(study: Study, tasks: Iterator[Task]) -> Iterator[Done]:
    """Have the workers of a cluster do it; the study, and with it the key, is sent to them."""
    try:
        from distributed import Client, as_completed  # noqa: PLC0415 -- an extra, slow to import
    except ImportError:
        message = "--executor dask needs the package distributed: pip install 'bidsdeid[dask]'"
        raise UsageError(message) from None
    try:
        client = Client(study.config.scheduler, timeout=_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        message = "--executor dask: no scheduler answers; name one with --scheduler HOST:PORT"
        raise UsageError(message) from error
    with client:
        workers = _checked(client)
        everywhere = client.scatter(study, broadcast=True, hash=False)
        labels: dict[Any, str] = {}
        running = as_completed(loop=client.loop)
        try:
            while True:
                for task in islice(tasks, _AHEAD * workers - len(labels)):
                    future = client.submit(run_participant, everywhere, task, pure=False)
                    labels[future.key] = task.participant
                    running.add(future)
                if not labels:
                    return
                future = next(running)
                failure = future.exception()
                yield labels.pop(future.key), _known(failure) if failure else future.result()
        finally:
            running.clear()


def _checked(client: Client) -> int:
    """Return the number of a cluster's workers.

    Raises
    ------
    UsageError
        If there are none, or they could not give the same result.
    """
    try:
        client.wait_for_workers(1, timeout=_SECONDS)
    except TimeoutError as error:
        message = "--executor dask: the cluster has no worker: start some"
        raise UsageError(message) from error
    threads = [w["nthreads"] for w in client.scheduler_info(n_workers=-1)["workers"].values()]
    if max(threads) > 1:
        message = "--executor dask: start the workers with --nthreads 1, each does one at a time"
        raise UsageError(message)
    if set(client.run(_version).values()) != {__version__}:
        message = f"--executor dask: not all workers have bidsdeid {__version__}: install it there"
        raise UsageError(message)
    return len(threads)


def _version() -> str:
    return __version__


def _known(error: BaseException) -> BaseException:
    """Return what to tell of an error of Dask's own."""
    if type(error).__name__ == "KilledWorker":
        return ToolError("its workers were killed: give them more memory")
    return error
