"""`simulate`: a synthetic OMOP CDM, its truth beside it, and a ledger of its persons.

Persons are made in blocks of a fixed size, so memory does not grow with their number. Every block and purpose
has its own random stream derived from the seed: the same seed gives the same rows in the same order on any
machine.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cohort.errors import UsageError
from cohort.files import appearing
from cohort.synthetic import ledger
from cohort.synthetic.gaps import draw_gaps
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import draw_people
from cohort.synthetic.process import Lives, Process, Streams
from cohort.synthetic.records import Recorder, RecordStreams
from cohort.synthetic.regimens import Regimen, classified_drugs, regimens, sold_products
from cohort.synthetic.scenarios import canonical_name, parameters_of, persons_of
from cohort.synthetic.truth import Counts, truth
from cohort.synthetic.vocabulary import cdm_source, vocabulary_tables
from cohort.synthetic.write import CdmFile, LedgerFiles, new_cdm, new_ledger

BLOCK_PERSONS = 50_000  # part of the content: another size gives another world
_ATTEMPTS = 12
# A stream's number is part of the content: new ones come last.
_PURPOSES = ("people", "onset", "death", "start", "episode", "records", "delay", "outcome", "dirt", "gaps")
_OF_LIVES = ("onset", "death", "start", "episode")
_OF_RECORDS = ("records", "outcome", "dirt")

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class World:
    """What makes one world and no other."""

    parameters: Parameters
    persons: int
    seed: int


def simulate(
    out: Path,
    persons: int | None,
    seed: int,
    scenario: str = "primary",
    progress: Progress | None = None,
    parameters: Parameters | None = None,
    overwrite: bool = False,
    with_ledger: bool = False,
) -> Path:
    """Write a synthetic CDM v5.4 and its truth.

    Args:
        out: the DuckDB file to make; `a.duckdb` gets `a.truth.json` and `a.truth.parquet` beside it.
        persons: number of persons; None for the scenario's own.
        seed: the same seed gives the same content.
        scenario: a name of `SCENARIOS`, or several joined by `+`.
        progress: called with the share done, from 0 to 1, and a sentence.
        parameters: what the scenario starts from; None for the defaults.
        overwrite: replace a file that exists.
        with_ledger: write a folder `a.truth/` too: episodes of use as taken, and every record, outcome and
            observation that hides the truth (`ledger`).

    Returns:
        The path of the truth: scenario, persons, seed, the effects planted, the analysis that finds them, all
        parameters, counts and versions. The Parquet file holds the latent days of each person.

    Raises:
        UsageError: `out` exists or cannot be written, there is no such scenario, or an argument is out of
        bounds.
    """
    name = canonical_name(scenario)
    world = World(parameters_of(name, parameters), persons_of(name) if persons is None else persons, seed)
    _check(out, world, overwrite)
    truth_path = out.with_name(f"{out.stem}.truth.json")
    tables = ("person", *ledger.LEDGER) if with_ledger else ("person",)
    with new_cdm(out) as cdm, new_ledger(truth_path, tables) as files:
        writer = _Writer(world, cdm, files)
        writer.write_vocabulary(name)
        for block, first in enumerate(range(0, world.persons, BLOCK_PERSONS)):
            (progress or _silent)(first / world.persons, f"{first:,} of {world.persons:,} persons")
            writer.write_block(block, min(BLOCK_PERSONS, world.persons - first))
        (progress or _silent)(1.0, f"{world.persons:,} persons")
        content = {"scenario": name, "persons": world.persons, "seed": seed, **writer.truth()}
        with appearing(truth_path) as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return truth_path


class _Writer:
    """Writes a world block by block: nothing of a block is left in memory when the next one begins."""

    def __init__(self, world: World, cdm: CdmFile, files: LedgerFiles) -> None:
        p = world.parameters
        self._world, self._cdm, self._files, self._counts = world, cdm, files, Counts()
        self._menu = regimens(p, classified_drugs(p))
        self._gaps = draw_gaps(p, sold_products(p, self._menu), _stream(world.seed, 0, "gaps"))
        self._recorder = Recorder(p, self._menu)

    def write_vocabulary(self, scenario: str) -> None:
        world = self._world
        self._cdm.append(vocabulary_tables(world.parameters, self._menu, self._gaps))
        source = cdm_source(scenario, world.persons, world.seed, world.parameters.data_end)
        self._cdm.append({"cdm_source": source})

    def write_block(self, block: int, persons: int) -> None:
        lives = _lives(self._world, self._menu, persons, block)
        streams = {purpose: _stream(self._world.seed, block, purpose) for purpose in _OF_RECORDS}
        recorded = self._recorder.record(lives, RecordStreams(**streams))
        people = ledger.persons(lives, recorded)
        self._counts.add(people)
        self._files.append("person", people)
        for table in self._files.tables & ledger.LEDGER.keys():
            self._files.append(table, ledger.LEDGER[table](lives, recorded, self._menu))
        self._cdm.append(recorded.tables)

    def truth(self) -> dict[str, Any]:
        self._counts.rows = self._cdm.rows
        return truth(self._world.parameters, self._menu, self._gaps, self._counts)


def _silent(share: float, sentence: str) -> None:
    pass


def _check(out: Path, world: World, overwrite: bool) -> None:
    if world.persons < 1 or world.seed < 0:
        raise UsageError(f"persons must be at least 1 and seed at least 0; got {world.persons} and {world.seed}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; choose another name, or ask for it to be overwritten")
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}; make it first")


def _lives(world: World, menu: Sequence[Regimen], persons: int, block: int) -> Lives:
    # About one in eight dies before enrolling, so more are drawn: twice as many at each attempt.
    for attempt in range(_ATTEMPTS):
        streams = {purpose: _stream(world.seed, block, purpose, attempt) for purpose in _PURPOSES}
        count = int(persons * 1.3 * 2**attempt) + 100
        people = draw_people(world.parameters, count, streams["people"], streams["delay"])
        process = Process(world.parameters, menu, Streams(**{purpose: streams[purpose] for purpose in _OF_LIVES}))
        lives = process.live(people, persons)
        if lives is not None:
            return lives
    raise UsageError("Nearly nobody lives to enrol under these parameters; lower the ages or the death rates")


def _stream(seed: int, block: int, purpose: str, attempt: int = 0) -> np.random.Generator:
    key = (block, _PURPOSES.index(purpose), attempt)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
