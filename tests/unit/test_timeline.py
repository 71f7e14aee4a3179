"""A person explained: what is told is what the study used, and why who is out is out."""

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner, Result

from cohort.analyses import PRIMARY
from cohort.errors import UsageError
from cohort.run import RunFolder
from cohort.study import RunSettings, build_tables, prepare_run
from cohort.timeline import Timeline, picture, read_timeline, words
from flows.cli import main
from tests.faults.unorchestrated import LEAN

SYNTHETIC = {"cdm": {"cdm_holder": "tspo-cohort"}}


@pytest.fixture(scope="module")
def folder(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with its tables, and no more."""
    out = tmp_path_factory.mktemp("explained") / "run"
    build_tables(prepare_run(RunSettings(cdm=str(small_cdm), out=str(out), protocol=str(LEAN))), PRIMARY)
    (out / "release" / "run.json").write_text(json.dumps(SYNTHETIC))
    return RunFolder(out)


def table(folder: RunFolder, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder.private / f"{name}.parquet")


def users(folder: RunFolder, many: int) -> list[int]:
    """Persons of the cohort with fills, spread over all of them."""
    fills = table(folder, "dose").get_column("person_id").unique()
    own = table(folder, "cohort").filter(pl.col("person_id").is_in(fills.implode())).get_column("person_id").sort()
    return own.gather_every(len(own) // many).to_list()


def test_person_time_is_that_of_the_study(folder: RunFolder) -> None:
    rows = table(folder, "exposure_time")
    for person in users(folder, 20):
        own = rows.filter(person_id=person).sort("start_day")
        found = read_timeline(folder, person)
        assert found.birth is not None
        days = [((i.start - found.birth).days, (i.stop - found.birth).days) for i in found.intervals]
        assert days == own.select("start_day", "stop_day").rows()
        assert [i.dose["tspo_binder"] for i in found.intervals] == own.get_column("dose_tspo_binder").to_list()
        assert (found.intervals[0].start, found.intervals[-1].stop) == (found.entry, found.exit)
        assert [bool(i.ends_with) for i in found.intervals[:-1]] == [False] * (len(found.intervals) - 1)


def test_fills_are_those_of_the_cdm_and_are_taken_one_after_another(folder: RunFolder, small_cdm: Path) -> None:
    products = table(folder, "drug_product").get_column("drug_concept_id").unique().to_list()
    with duckdb.connect(str(small_cdm), read_only=True) as cdm:
        for person in users(folder, 20):
            recorded = cdm.execute(
                "select drug_exposure_start_date, quantity from drug_exposure where person_id = $1 and "
                "drug_concept_id = any($2) order by drug_exposure_start_date, drug_exposure_id",
                [person, products],
            ).fetchall()
            fills = read_timeline(folder, person).fills
            assert [(fill.date, fill.quantity) for fill in fills] == recorded
            for drug in {fill.drug for fill in fills}:
                used = [f for f in fills if f.drug == drug and f.taken_from and f.taken_until]
                assert all(f.taken_from >= f.date for f in used if f.taken_from)
                pairs = pairwise(used)
                assert all(a.taken_until < b.taken_from for a, b in pairs if a.taken_until and b.taken_from)


def test_the_daily_dose_adds_up_to_the_dose_of_the_last_interval_by_the_lag(folder: RunFolder) -> None:
    """Each class; the lag of the protocol is three years."""
    lag = dt.timedelta(days=1095)
    for person in users(folder, 30):
        found = read_timeline(folder, person)
        last = found.intervals[-1]
        for name in ("binder", "non_binder", "unknown"):
            taken = 0.0
            for days in found.daily:
                if days.tspo_class == name:
                    taken += days.per_day * max(
                        (min(days.until, last.start - lag + dt.timedelta(days=1)) - days.first).days, 0
                    )
            assert last.dose[f"tspo_{name}"] == pytest.approx(taken, abs=1e-6), (person, name)


def test_each_rule_that_leaves_somebody_out_is_named_as_attrition_counts_it(folder: RunFolder) -> None:
    out = table(folder, "eligibility").join(table(folder, "cohort"), on="person_id", how="anti")
    first = [read_timeline(folder, person) for person in out.get_column("person_id")]
    counted = pl.Series([found.excluded_by for found in first]).value_counts()
    attrition = table(folder, "attrition").filter(pl.col("excluded_subjects") > 0)
    assert dict(counted.rows()) == dict(attrition.select("reason", "excluded_subjects").rows())
    assert len(counted) >= 2
    assert all(not found.intervals and found.exit is None for found in first)
    assert 'Not studied: does not meet "' in words(first[0])


def test_text_and_picture_tell_the_whole_of_it(folder: RunFolder) -> None:
    person = users(folder, 1)[0]
    found = read_timeline(folder, person)
    text = words(found)
    assert text.startswith(f"Person {person}: {found.sex}, born {found.birth}\nStudied from {found.entry} (age ")
    assert f"Fills of study drugs: {len(found.fills)}\n" in text
    assert all(str(fill.date) in text for fill in found.fills)
    assert all(f"  {i.start}  {i.stop}  " in text for i in found.intervals)
    drawn = picture(found)
    assert drawn == picture(found)
    shown = "".join(ElementTree.fromstring(drawn).itertext())
    assert f"Person {person}: studied from {found.entry} to {found.exit}" in shown
    assert all(fill.drug in shown for fill in found.fills)


def test_who_is_not_there_and_what_is_not_built_is_said(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The CDM of this run has no person -7"):
        read_timeline(folder, -7)
    with pytest.raises(UsageError, match="has no table eligibility; finish the run"):
        read_timeline(RunFolder(tmp_path), 1)


def test_a_person_without_a_date_of_birth_is_left_out_and_drawn_without_time() -> None:
    unborn = Timeline(
        7, "not known", None, False, (("Year of birth is recorded", False),), None, None, "", (), (), (), {}
    )
    assert words(unborn).startswith("Person 7: not known, without a date of birth\nNot studied: does not meet")
    assert "not studied (Year of birth is recorded)" in picture(unborn)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def test_a_patient_is_shown_only_to_who_says_that_he_may_be(folder: RunFolder, tmp_path: Path) -> None:
    person = users(folder, 1)[0]
    record = folder.release / "run.json"
    assert asked(person, "--out", folder.root).output.startswith(f"Person {person}: ")
    record.write_text(json.dumps({"cdm": {"cdm_holder": "A hospital"}}))
    try:
        refused = asked(person, "--out", folder.root, "--svg", tmp_path / "p.svg")
        assert (refused.exit_code, str(person) in refused.output) == (2, False)
        assert "say so with --show-patient" in refused.output
        assert not (tmp_path / "p.svg").exists()
        shown = asked(person, "--out", folder.root, "--show-patient", "--svg", tmp_path / "p.svg")
        assert (shown.exit_code, f"Person {person}: " in shown.output) == (0, True)
        assert (tmp_path / "p.svg").read_text().startswith("<?xml")
    finally:
        record.write_text(json.dumps(SYNTHETIC))


def test_persons_below_zero_can_be_asked_for(folder: RunFolder) -> None:
    assert "has no person -5" in asked(-5, "--out", folder.root).output
