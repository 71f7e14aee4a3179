"""A person explained: what is told is what the study used, and why who is out is out."""

import datetime as dt
import json
import shutil
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
from cohort.timeline.person import CRITERIA
from flows.cli import main
from tests.faults.unorchestrated import LEAN


@pytest.fixture(scope="module")
def folder(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with its tables, and no more."""
    return built(small_cdm, tmp_path_factory.mktemp("explained") / "run")


def built(cdm: Path, out: Path, *changes: str) -> RunFolder:
    settings = RunSettings(cdm=str(cdm), out=str(out), protocol=str(LEAN), changes=changes)
    tables = build_tables(prepare_run(settings), PRIMARY)
    steps = [{"name": name, "analysis": PRIMARY, "key": table.key} for name, table in tables.items()]
    (out / "release" / "run.json").write_text(json.dumps({"cdm": {"cdm_holder": "tspo-cohort"}, "steps": steps}))
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
    reasons = dict(table(folder, "attrition").select("reason_id", "reason").iter_rows())
    rules = [pl.when(~pl.col(rule)).then(pl.lit(reasons[number])) for number, rule in enumerate(CRITERIA, 2)]
    why = out.select("person_id", why=pl.coalesce(rules))
    attrition = table(folder, "attrition").filter(pl.col("excluded_subjects") > 0)
    assert dict(why.get_column("why").value_counts().iter_rows()) == dict(
        attrition.select("reason", "excluded_subjects").iter_rows()
    )
    few = why.group_by("why").head(12)
    assert few.get_column("why").n_unique() >= 2
    first = [read_timeline(folder, person) for person in few.get_column("person_id")]
    assert [found.excluded_by for found in first] == few.get_column("why").to_list()
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
        7, "dme", "not known", None, False, (("Year of birth is recorded", False),), None, None, "", (), (), (), {}
    )
    assert words(unborn).startswith("Person 7: not known, without a date of birth\nNot studied: does not meet")
    assert "not studied (Year of birth is recorded)" in picture(unborn)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


def test_a_patient_is_shown_only_to_who_says_that_he_may_be(folder: RunFolder, tmp_path: Path) -> None:
    person = users(folder, 1)[0]
    record = folder.release / "run.json"
    synthetic = record.read_text()
    assert asked(person, "--out", folder.root).output.startswith(f"Person {person}: ")
    record.write_text(synthetic.replace("tspo-cohort", "A hospital"))
    try:
        refused = asked(person, "--out", folder.root, "--svg", tmp_path / "p.svg")
        assert (refused.exit_code, str(person) in refused.output) == (2, False)
        assert "say so with --show-patient" in refused.output
        assert not (tmp_path / "p.svg").exists()
        shown = asked(person, "--out", folder.root, "--show-patient", "--svg", tmp_path / "p.svg")
        assert (shown.exit_code, f"Person {person}: " in shown.output) == (0, True)
        assert (tmp_path / "p.svg").read_text().startswith("<?xml")
        assert (tmp_path / "p.svg").stat().st_mode & 0o077 == 0
        inside = asked(person, "--out", folder.root, "--show-patient", "--svg", folder.release / "p.svg")
        assert (inside.exit_code, "which may leave the building" in inside.output) == (2, True)
    finally:
        record.write_text(synthetic)


def test_a_record_of_a_synthetic_cdm_does_not_speak_for_tables_of_another(folder: RunFolder, tmp_path: Path) -> None:
    """Another CDM was studied in the same folder since, and did not come to its end."""
    copy = RunFolder(Path(shutil.copytree(folder.root, tmp_path / "run")))
    record = json.loads((copy.release / "run.json").read_text())
    next(step for step in record["steps"] if step["name"] == "dose")["key"] = "of another CDM"
    (copy.release / "run.json").write_text(json.dumps(record))
    assert "say so with --show-patient" in asked(users(folder, 1)[0], "--out", copy.root).output


def test_tables_of_two_runs_are_not_told_as_one(folder: RunFolder, small_cdm: Path, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(folder.root, tmp_path / "run")))
    other = built(small_cdm, tmp_path / "other", "maximum_quantity=10")
    shutil.copy(other.private / "dose.parquet", copy.private / "dose.parquet")
    with pytest.raises(UsageError, match="are not all of one run; finish it"):
        read_timeline(copy, users(folder, 1)[0])


def early_and_in_hospital(cdm: Path, copy: Path) -> Path:
    """The CDM, in which every third fill comes nine days early, and every seventh with four nights in hospital."""
    shutil.copy(cdm, copy)
    with duckdb.connect(str(copy)) as file:
        file.execute(
            "update drug_exposure set drug_exposure_start_date = drug_exposure_start_date - 9, "
            "drug_exposure_end_date = drug_exposure_end_date - 9 where drug_exposure_id % 3 = 0"
        )
        file.execute(
            "insert into visit_occurrence by name select 1000000000 + drug_exposure_id as visit_occurrence_id, "
            "person_id, 9201 as visit_concept_id, drug_exposure_start_date + 5 as visit_start_date, "
            "drug_exposure_start_date + 9 as visit_end_date, 32817 as visit_type_concept_id "
            "from drug_exposure where drug_exposure_id % 7 = 0 and drug_concept_id >= 2000000000"
        )
    return copy


@pytest.mark.parametrize(
    "changes",
    [
        ("carryover_cap_days=7",),
        ("supply.hospital_stays=pause",),
        ("metric=days",),
    ],
)
def test_fills_are_taken_on_the_days_that_accrue(small_cdm: Path, tmp_path: Path, changes: tuple[str, ...]) -> None:
    """Under a cap, with nights in hospital, and with exposures that are no dose."""
    run = built(early_and_in_hospital(small_cdm, tmp_path / "cdm.duckdb"), tmp_path / "run", *changes)
    supply = table(run, "supply").filter(pl.col("accruing_days") > 0)
    cut = table(run, "stockpile").filter(pl.col("discarded_by_cap") + pl.col("discarded_by_switch") > 0)
    parted = supply.filter(pl.struct("drug_exposure_id", "ingredient_concept_id").is_duplicated())
    chosen = {*cut.get_column("person_id").head(9), *parted.get_column("person_id").head(9), *users(run, 3)}
    inside = set(table(run, "cohort").get_column("person_id"))
    assert cut.height > 0 or "carryover_cap_days=7" not in changes
    assert parted.height > 0 or "supply.hospital_stays=pause" not in changes
    for person in chosen & inside:
        found = read_timeline(run, person)
        assert found.birth is not None
        own = supply.filter(person_id=person)
        days = {
            (found.birth + dt.timedelta(days=first), found.birth + dt.timedelta(days=last))
            for first, last in own.group_by("drug_exposure_id", "ingredient_concept_id")
            .agg(pl.col("start_day").min(), (pl.col("start_day") + pl.col("accruing_days") - 1).max().alias("last"))
            .select("start_day", "last")
            .iter_rows()
        }
        assert {(fill.taken_from, fill.taken_until) for fill in found.fills if fill.taken_from} == days
        lost = cut.filter(person_id=person).select(pl.col("discarded_by_cap") + pl.col("discarded_by_switch")).sum()
        assert sum(fill.days_lost for fill in found.fills) == lost.item()
        assert f"({found.metric})" in words(found)
    assert picture(found).startswith("<?xml")


def test_persons_below_zero_can_be_asked_for(folder: RunFolder) -> None:
    assert "has no person -5" in asked(-5, "--out", folder.root).output
