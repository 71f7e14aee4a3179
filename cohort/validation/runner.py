"""All replicates of a design, in parallel processes; what is there already is kept.

In: a `Design` and a folder. Out: one file for each replicate. A run that is stopped leaves only whole files, and the
same command makes the rest.
"""

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cohort.errors import TspoError
from cohort.study import RunSettings
from cohort.synthetic.scenarios import canonical_name, persons_of
from cohort.validation.replicate import REPLICATE_SCHEMA, TEMPORARY, Replicate, failure_of, make

Tell = Callable[[int, int], None]
"""Called with how many replicates are done, and how many there are."""
_CLEARINGS = 1_000
"""A folder is cleared so often at most."""
_ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Design:
    """What is asked for: the scenarios with their persons, replicates of each, and the protocol that studies them.

    Replicate i of a scenario has the seed `seed` + i.
    """

    scenarios: tuple[tuple[str, int], ...]
    replicates: int
    seed: int = 1
    protocol: str | None = None
    changes: tuple[str, ...] = ()

    def all(self) -> list[Replicate]:
        """Every replicate; the scenarios take turns, so that what is there after a stop is balanced."""
        return [
            Replicate(scenario, persons, self.seed + i, self.protocol, self.changes)
            for i in range(self.replicates)
            for scenario, persons in self.scenarios
        ]


def design_of(
    scenarios: Sequence[str],
    replicates: int,
    persons: int | None = None,
    seed: int = 1,
    protocol: str | None = None,
    changes: tuple[str, ...] = (),
) -> Design:
    """A design with scenarios by any of their names; what cannot be is said before anything is simulated.

    Args:
        persons: of each world; None for each scenario's own number.

    Raises:
        UsageError: there is no such scenario, or the protocol is wrong.
    """
    names = dict.fromkeys(canonical_name(name) for name in scenarios)
    sized = tuple((name, persons_of(name) if persons is None else persons) for name in names)
    RunSettings(cdm=".", out=".", protocol=protocol, changes=changes).load_protocol()
    return Design(sized, replicates, seed, protocol, changes)


@dataclass(frozen=True)
class Results:
    """Released estimates of all replicates that were made, and the reasons of those that were not.

    Attributes:
        estimates: columns of `REPLICATE_SCHEMA`.
        failures: (scenario, seed) -> why.
    """

    estimates: pl.DataFrame
    failures: dict[tuple[str, int], str]


def run_replicates(design: Design, folder: Path, workers: int, tell: Tell | None = None) -> None:
    """Make what is missing; a replicate that failed before is tried again.

    Args:
        folder: where the replicates lie; files of other keys in it are left alone.
        workers: processes at a time, each of one thread.

    Raises:
        TspoError: a worker was ended from outside.
    """
    every = design.all()
    jobs = [replicate for replicate in every if failure_of(replicate, replicate.path(folder)) != ""]
    done = len(every) - len(jobs)
    with worker_processes(workers) as pool:
        futures = [pool.submit(make, replicate, replicate.path(folder), replicate.key()) for replicate in jobs]
        for number, future in enumerate(as_completed(futures), start=done + 1):
            try:
                future.result()
            except BrokenProcessPool:
                raise TspoError(
                    "A worker was ended from outside, most likely for want of memory. What was finished is kept: the "
                    "same command, with fewer --workers, goes on from there."
                ) from None
            if tell:
                tell(number, len(every))


def read_results(design: Design, folder: Path) -> Results:
    """What the design's replicates released; files of other designs are not read."""
    frames, failures = [pl.DataFrame(schema=REPLICATE_SCHEMA)], {}
    for replicate in design.all():
        path = replicate.path(folder)
        reason = failure_of(replicate, path)
        if reason == "":
            frames.append(pl.read_parquet(path, glob=False))
        else:
            failures[replicate.scenario, replicate.seed] = reason or "not made"
    return Results(pl.concat(frames), failures)


@contextmanager
def worker_processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes of one thread each; when the block is left early they end after what they are doing."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


def _begin() -> None:
    """Let the parent decide when to stop, do not outlive it, and be quiet: what is found lies in the files.

    What would be said is the database's: progress bars, and complaints at the end of a process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    # What is being made goes on meanwhile: a file that it writes while its folder is cleared would keep that.
    for _ in range(_CLEARINGS):
        left = [*Path(tempfile.gettempdir()).glob(TEMPORARY.format(process=os.getpid()) + "*")]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        if not left:
            break
    os._exit(1)
