"""Small synthetic worlds for the unit tests, and single persons whose hazards can be found by hand."""

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from cohort.synthetic import Parameters, simulate
from cohort.synthetic.course import Course
from cohort.synthetic.hazards import Hazards
from cohort.synthetic.parameters import changed
from cohort.synthetic.people import People, draw_people
from cohort.synthetic.process import Lives, Process, Streams
from cohort.synthetic.regimens import classified_drugs, regimens


class World:
    """A finished world: its tables, its truth and its ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.truth: dict[str, Any] = json.loads(path.with_suffix(".truth.json").read_text())
        self.ledger = pl.read_parquet(path.with_suffix(".truth.parquet"))

    def truth_of(self, table: str) -> pl.DataFrame:
        """A table of the truth's ledger, which only some worlds have."""
        return pl.read_parquet(self.path.with_suffix(".truth") / f"{table}.parquet")

    def sql(self, query: str) -> pl.DataFrame:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.sql(query).pl()

    def fills(self) -> pl.DataFrame:
        return self.sql("""
            select f.person_id, f.drug_exposure_start_date as start, f.days_supply as days, f.quantity,
                   s.amount_value as strength_mg, s.ingredient_concept_id as ingredient
            from drug_exposure f inner join drug_strength s using (drug_concept_id) order by 1, 2""")

    def hashes(self) -> dict[str, str]:
        """A hash of each table's rows, in their order."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
            rows = {table: connection.execute(f"select * from {table}").fetchall() for table in tables}
        return {table: hashlib.sha256(repr(content).encode()).hexdigest() for table, content in rows.items()}


def make(folder: Path, name: str = "cdm", persons: int = 300, seed: int = 5, **more: Any) -> World:
    out = folder / f"{name}.duckdb"
    simulate(out, persons, seed, **more)
    return World(out)


def one_person(**changes: Any) -> People:
    fields = {
        "female": False,
        "indications": [False] * 3,
        "birth_date": 0,
        "enrolment_date": 25_567,
    }  # 70 years
    fields |= {"data_end": 5_000, "disenrolment": 5_000, "delay": 1_095} | changes
    return People(**{name: np.array([value]) for name, value in fields.items()})


def rates(kind: str, day: int, course: Course | None = None, person: People | None = None, **changes: Any) -> float:
    """A hazard of one man of 70, relative to that of the same man with nothing to him."""
    hazards = Hazards(person or one_person(), changed(Parameters(), changes))
    rate = getattr(hazards, kind)(course or Course.healthy(1), day)
    plain = getattr(Hazards(one_person(), Parameters()), kind)(Course.healthy(1), day)
    return float(rate[0] / plain[0])


def standing(**changes: Any) -> Course:
    course = Course.healthy(1)
    for name, value in changes.items():
        setattr(course, name, np.array([value]))
    return course


def lives_of(persons: int, **changes: Any) -> Lives:
    """Lives under changed parameters, without any record of them."""
    parameters = changed(Parameters(), changes)
    streams = [np.random.default_rng(seed) for seed in range(6)]
    menu = regimens(parameters, classified_drugs(parameters))
    people = draw_people(parameters, persons * 2, streams[4], streams[5])
    lives = Process(parameters, menu, Streams(*streams[:4])).live(people, persons)
    assert lives is not None
    return lives
