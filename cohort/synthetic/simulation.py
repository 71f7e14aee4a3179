"""`simulate`: a synthetic OMOP CDM, its truth beside it, and a ledger of its persons.

Persons are made in blocks of a fixed size, so memory does not grow with their number. Every block and purpose
has its own random stream derived from the seed: the same seed gives the same rows in the same order on any
machine.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from cohort.errors import UsageError
from cohort.synthetic.parameters import Parameters, parameters_of
from cohort.synthetic.people import draw_people
from cohort.synthetic.process import Lives, Process, Streams
from cohort.synthetic.records import Recorder
from cohort.synthetic.regimens import Regimen, classified_drugs, regimens
from cohort.synthetic.truth import ledger, truth
from cohort.synthetic.vocabulary import cdm_source, vocabulary_tables
from cohort.synthetic.write import CdmFile, new_cdm, write_text

BLOCK_PERSONS = 50_000  # part of the content: another size gives another world
_ATTEMPTS = 12
_PURPOSES = ("people", "onset", "death", "start", "episode", "records")

Progress = Callable[[float, str], None]


def simulate(
    out: Path,
    persons: int,
    seed: int,
    scenario: str = "primary",
    progress: Progress | None = None,
    parameters: Parameters | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a synthetic CDM v5.4 and its truth.

    Args:
        out: the DuckDB file to make; `a.duckdb` gets `a.truth.json` and `a.truth.parquet` beside it.
        persons: number of persons.
        seed: the same seed gives the same content.
        scenario: a name of `SCENARIOS`.
        progress: called with the share done, from 0 to 1, and a sentence.
        parameters: what the scenario starts from; None for the defaults.
        overwrite: replace a file that exists.

    Returns:
        The path of the truth: scenario, persons, seed, the effects planted, all parameters, counts and
        versions. The ledger holds the latent days of each person.

    Raises:
        UsageError: `out` exists or cannot be written, there is no such scenario, or an argument is out of
        bounds.
    """
    _check(out, persons, seed, overwrite)
    world = parameters_of(scenario, parameters)
    menu = regimens(world, classified_drugs(world))
    truth_path = out.with_name(f"{out.stem}.truth.json")
    with new_cdm(out) as cdm:
        cdm.append(vocabulary_tables(world, menu))
        cdm.append({"cdm_source": cdm_source(scenario, persons, seed, world.data_end)})
        people = pl.concat(_blocks(cdm, world, menu, persons, seed, progress or _silent))
        people.write_parquet(truth_path.with_suffix(".parquet"))
        called = {"scenario": scenario, "persons": persons, "seed": seed}
        write_text(truth_path, json.dumps(called | truth(world, menu, people, cdm.rows), indent=1) + "\n")
    return truth_path


def _silent(share: float, sentence: str) -> None:
    pass


def _check(out: Path, persons: int, seed: int, overwrite: bool) -> None:
    if persons < 1 or seed < 0:
        raise UsageError(f"persons must be at least 1 and seed at least 0; got {persons} and {seed}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; choose another name, or ask for it to be overwritten")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}; make it first")


def _blocks(
    cdm: CdmFile, world: Parameters, menu: Sequence[Regimen], persons: int, seed: int, progress: Progress
) -> Iterator[pl.DataFrame]:
    """Write block after block; each yields its rows of the ledger."""
    recorder = Recorder(world, menu)
    for block, first in enumerate(range(0, persons, BLOCK_PERSONS)):
        progress(first / persons, f"{first:,} of {persons:,} persons")
        lives = _lives(world, menu, min(BLOCK_PERSONS, persons - first), seed, block)
        tables = recorder.tables(lives, _stream(seed, block, "records"))
        cdm.append(tables)
        yield ledger(lives, world, tables["person"]["person_id"])
    progress(1.0, f"{persons:,} persons")


def _lives(world: Parameters, menu: Sequence[Regimen], persons: int, seed: int, block: int) -> Lives:
    # About one in eight dies before enrolling, so more are drawn: twice as many at each attempt.
    for attempt in range(_ATTEMPTS):
        streams = {purpose: _stream(seed, block, purpose, attempt) for purpose in _PURPOSES[:-1]}
        people = draw_people(world, int(persons * 1.3 * 2**attempt) + 100, streams.pop("people"))
        lives = Process(world, menu, Streams(**streams)).live(people, persons)
        if lives is not None:
            return lives
    raise UsageError("Nearly nobody lives to enrol under these parameters; lower the ages or the death rates")


def _stream(seed: int, block: int, purpose: str, attempt: int = 0) -> np.random.Generator:
    key = (block, _PURPOSES.index(purpose), attempt)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
