"""Two runs compared: what went in is named to the last difference, what came out stands side by side."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from cohort.comparison import Share, attribute, causes, effects, revealed
from cohort.comparison.attribution import swaps
from cohort.comparison.causes import CDM, PACKAGES, PROTOCOL, UNKNOWN, Cause
from cohort.comparison.disclosure import KEYS, Revealed
from cohort.errors import UsageError
from cohort.protocol import load_protocol
from cohort.rounding import COUNTS
from cohort.run import RunFolder
from cohort.study import RunSettings
from cohort.unorchestrated import run_unorchestrated
from flows.cli import main
from tests.browser import barriers, chromium, opened
from tests.faults.unorchestrated import LEAN


def studied(cdm: Path, out: Path, *changes: str) -> RunFolder:
    run_unorchestrated(RunSettings(cdm=str(cdm), out=str(out), protocol=str(LEAN), changes=changes))
    return RunFolder(out)


@pytest.fixture(scope="module")
def before(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return studied(small_cdm, tmp_path_factory.mktemp("before") / "run")


@pytest.fixture(scope="module")
def after(small_cdm: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Another CDM, of which three persons with Alzheimer's disease have lost their conditions, and a shorter lag."""
    cdm = tmp_path_factory.mktemp("changed") / small_cdm.name
    shutil.copy(small_cdm, cdm)
    with duckdb.connect(str(cdm)) as file:
        file.execute(
            "delete from condition_occurrence where person_id in (select person_id from condition_occurrence "
            "where condition_concept_id = 378419 order by person_id limit 3)"
        )
    return studied(cdm, cdm.parent / "run", "lag_days=730")


def records(*runs: RunFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    one, other = (json.loads((run.release / "run.json").read_text()) for run in runs)
    return one, other


def test_what_went_in_is_told_to_the_last_difference(before: RunFolder, after: RunFolder) -> None:
    assert causes(before, after, records(before, after)) == [
        Cause(CDM, "rows of condition_occurrence"),
        Cause(PROTOCOL, "exposure.lag_days", "1095", "730"),
    ]


def test_a_run_and_its_copy_differ_in_nothing(before: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(before.root, tmp_path / "copy")))
    assert causes(before, copy, records(before, copy)) == []
    found = effects(before.release, copy.release)
    assert (found.changed.height, found.only("before"), found.only("after")) == (0, 0, 0)
    assert revealed(before.release, copy.release, records(before, copy)) == []


def test_without_a_private_folder_the_record_tells_what_it_can(
    before: RunFolder, after: RunFolder, tmp_path: Path
) -> None:
    released = RunFolder(tmp_path / "released")
    shutil.copytree(after.release, released.release)
    record = json.loads((released.release / "run.json").read_text())
    record["versions"]["polars"] = "0.1"
    (released.release / "run.json").write_text(json.dumps(record))
    found = causes(before, released, records(before, released))
    assert [cause.kind for cause in found] == [PROTOCOL, PACKAGES, UNKNOWN]
    assert found[1].what == "polars"


def test_hazard_ratios_stand_side_by_side_as_they_were_released(before: RunFolder, after: RunFolder) -> None:
    found = effects(before.release, after.release)
    ends = [pl.read_parquet(run.release / "estimates.parquet") for run in (before, after)]
    for name in ("tspo_binder", "tspo_non_binder"):
        row = found.headline.filter(exposure=name, age_stratum="overall").row(0, named=True)
        one, other = (
            end.filter(estimate_id=f"primary|cox|dementia|{name}|dme|per_365|overall").row(0, named=True)
            for end in ends
        )
        assert (row["hazard_ratio_before"], row["hazard_ratio_after"]) == (one["hazard_ratio"], other["hazard_ratio"])
        assert row["change"] == pytest.approx(other["hazard_ratio"] / one["hazard_ratio"])
        moved = other["log_hr"] - one["log_hr"]
        assert row["standard_errors"] == pytest.approx(moved / one["se_log_hr"])
    sizes = {what: (old, new) for what, old, new in found.sizes.iter_rows()}
    assert sizes["events"][0] is not None
    assert sizes["events"][1] is not None
    assert 1 <= sizes["events"][0] - sizes["events"][1] <= 3
    assert sizes["persons in the CDM"] == (3000, 3000)


def test_a_small_difference_of_two_releases_is_told_by_column(before: RunFolder, after: RunFolder) -> None:
    """Three persons less: the count of events alone tells it, in tables of both."""
    found = {(cell.table, cell.column) for cell in revealed(before.release, after.release, records(before, after))}
    assert {("estimates", "events"), ("person_time", "events")} <= found
    one, other = records(before, after)
    for record, rows in ((one, 700), (other, 697)):
        record["steps"] = [{"analysis": "primary", "name": "cohort", "rows": rows}]
    assert Revealed("run.json", "rows", 1) in revealed(before.release, after.release, (one, other))
    for record in (one, other):
        record["protocol"]["disclosure"]["min_cell_count"] = 1
    assert revealed(before.release, after.release, (one, other)) == [], "where every count may be told"
    one["protocol"]["disclosure"] = {"min_cell_count": 8, "round_counts_to": 5}
    assert revealed(before.release, after.release, (one, other)) == [], "no exact difference is to be had"


def test_the_keys_of_each_table_with_counts_tell_its_rows_apart(before: RunFolder) -> None:
    assert COUNTS.keys() == KEYS.keys()
    for table, keys in KEYS.items():
        rows = pl.read_csv(before.release / f"{table}.csv", infer_schema_length=None)
        assert rows.select(keys).is_duplicated().sum() == 0, table
        assert set(COUNTS[table]) <= set(rows.columns)


def test_tables_that_are_missing_or_without_rows_stop_nothing(before: RunFolder, tmp_path: Path) -> None:
    """And a folder whose name is a pattern."""
    copy = RunFolder(Path(shutil.copytree(before.root, tmp_path / "a[1]*")))
    for name in ("attrition", "drugs"):
        (copy.release / f"{name}.csv").unlink()
    risks = copy.release / "risks.csv"
    risks.write_text(risks.read_text().splitlines()[0] + "\n")
    done = asked(before.root, copy.root)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "persons studied" in done.stdout


def test_of_two_lists_what_is_not_in_both_is_told(before: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(before.root, tmp_path / "copy")))
    record = json.loads((copy.release / "run.json").read_text())
    record["protocol"]["population"]["prevalent_sets"].append("parkinsons_disease")
    (copy.release / "run.json").write_text(json.dumps(record))
    (line,) = [row for row in asked(before.root, copy.root).stdout.splitlines() if "prevalent_sets" in row]
    assert [cell.strip() for cell in line.strip("│").split("│")][2:] == ["-", "parkinsons_disease"]


def asked(*runs: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, runs)])


def test_the_command_tells_all_of_it_and_warns(before: RunFolder, after: RunFolder, tmp_path: Path) -> None:
    done = asked(before.root, after.root)
    assert done.exit_code == 3
    assert "exposure.lag_days" in done.stdout
    assert "rows of condition_occurrence" in done.stdout
    assert "TSPO binder" in done.stdout
    assert "Who holds both releases knows small numbers, for these differ by little: " in done.stderr
    assert " of deaths in person_time" in " ".join(done.stderr.split())
    same = asked(before.root, shutil.copytree(before.root, tmp_path / "copy"))
    assert (same.exit_code, same.stderr) == (0, "")
    assert "The same went into both runs." in same.stdout


def test_what_cannot_be_compared_is_said(before: RunFolder, tmp_path: Path) -> None:
    assert "Both are the same folder; name two runs." in asked(before.root, before.root).output
    nowhere = asked(before.root, tmp_path)
    assert (nowhere.exit_code, "Name the folder of a finished run" in nowhere.output) == (2, True)


# --- What belongs to which cause ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shares(
    before: RunFolder, after: RunFolder, small_cdm: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Share]:
    cdms = (str(small_cdm), str(after.root.parent / small_cdm.name))
    return attribute((before, after), records(before, after), cdms, tmp_path_factory.mktemp("work"))


def changes_of(share: Share, kind: str) -> dict[str, float | None]:
    return dict(share.changes.filter(kind=kind).select("what", "change").iter_rows())


def test_each_cause_is_put_in_by_itself(shares: list[Share]) -> None:
    assert [(share.kind, share.what) for share in shares[:-2]] == [
        ("CDM", "data"),
        ("CDM", "vocabulary"),
        ("protocol", "exposure.lag_days"),
    ]
    cdm, vocabulary, lag = (changes_of(share, "size") for share in shares[:3])
    assert -3 <= cdm["events"] <= -1  # type: ignore[operator]
    assert (lag["events"], lag["persons studied"]) == (0, 0), "a lag changes no person and no event"
    assert set(vocabulary.values()) == {0}, "both CDMs have the same"
    ratios = changes_of(shares[2], "hazard ratio")
    assert ratios["tspo_binder, overall"] != 0


def test_the_causes_add_up_to_the_whole(before: RunFolder, after: RunFolder, shares: list[Share]) -> None:
    found = effects(before.release, after.release)
    for what, old, new in found.sizes.iter_rows():
        parts = [changes_of(share, "size")[what] for share in shares]
        assert sum(parts) == pytest.approx(new - old, abs=1e-6), what  # type: ignore[arg-type]
    told = 0
    for row in found.headline.iter_rows(named=True):
        parts = [changes_of(share, "hazard ratio")[f"{row['exposure']}, {row['age_stratum']}"] for share in shares]
        if row["change"] is not None and None not in parts:
            assert sum(parts) == pytest.approx(np.log(row["change"]), abs=1e-9)  # type: ignore[arg-type]
            told += 1
    assert told >= 4


def test_the_same_program_has_no_share(shares: list[Share]) -> None:
    program = changes_of(shares[-1], "size") | changes_of(shares[-1], "hazard ratio")
    assert {value for value in program.values() if value is not None and abs(value) > 1e-9} == set()


def test_what_follows_from_the_diagnosis_goes_with_it() -> None:
    plain, other = (
        load_protocol(None, changes).alone().model_dump(mode="json")
        for changes in ((), ("diagnosis=alzheimers_disease", "lag_days=0"))
    )
    found = list(swaps(plain, other, ("cdm.duckdb", "cdm.duckdb")))
    assert [swap.what for swap in found] == ["outcome.diagnosis", "exposure.lag_days"]
    assert found[0].protocol["outcome"] == other["outcome"]
    assert found[0].protocol["population"]["prevalent_sets"] == other["population"]["prevalent_sets"]
    assert found[0].protocol["exposure"] == plain["exposure"]


def test_data_and_vocabulary_go_in_apart_and_those_of_a_server_together() -> None:
    plain = load_protocol().alone().model_dump(mode="json")
    apart = [(swap.what, swap.cdm) for swap in swaps(plain, plain, ("a.duckdb", "b/c?cdm_schema=x"))]
    assert apart == [
        ("data", "b/c?cdm_schema=x&vocabulary_cdm=a.duckdb"),
        ("vocabulary", "a.duckdb?vocabulary_cdm=b%2Fc%3Fcdm_schema%3Dx"),
    ]
    together = [(swap.what, swap.cdm) for swap in swaps(plain, plain, ("a.duckdb", "postgresql://h/d"))]
    assert together == [("data and vocabulary", "postgresql://h/d")]


def test_what_changes_no_estimate_is_not_run_anew() -> None:
    plain, other = (
        load_protocol(None, changes).alone().model_dump(mode="json")
        for changes in ((), ("study.name=Other", "lag_family_days=[]", "events_per_parameter=3"))
    )
    assert list(swaps(plain, other, ("cdm.duckdb", "cdm.duckdb"))) == []


def test_a_cause_that_cannot_be_put_in_by_itself_says_why(before: RunFolder, small_cdm: Path, tmp_path: Path) -> None:
    """An age at entry below the first band needs that band."""
    younger = RunFolder(tmp_path / "younger")
    shutil.copytree(before.release, younger.release)
    record = json.loads((younger.release / "run.json").read_text())
    record["protocol"]["population"]["minimum_age_years"] = 40
    record["protocol"]["strata"]["age_bands"] = [40, 65, 75, 85]
    (younger.release / "run.json").write_text(json.dumps(record))
    (tmp_path / "work").mkdir()
    cdms = (str(small_cdm), str(small_cdm))
    found = attribute((before, younger), records(before, younger), cdms, tmp_path / "work")
    why = {share.what: share.why_not for share in found}
    assert "age_bands start at 50, but minimum_age_years is 40" in why["population.minimum_age_years"]
    assert why["strata.age_bands"] == ""


def test_the_command_tells_it_in_the_terminal_and_as_a_page(
    before: RunFolder, after: RunFolder, small_cdm: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    cdms = ("--cdm", str(small_cdm), "--cdm-after", str(after.root.parent / small_cdm.name))
    told = asked(before.root, after.root, *cdms, "--html", str(page))
    assert told.exit_code == 3, told.output
    assert "What belongs to what" in told.output
    text = page.read_text(encoding="utf-8")
    assert "exposure.lag_days" in text
    assert "What belongs to what" in text
    assert list(Path(tempfile.gettempdir()).glob("tspo-compare-*")) == [], "no patient's row is left"
    with chromium() as browser, opened(browser, page, width=1200) as seen:
        assert (seen.requests, seen.complaints, barriers(seen.page)) == ([], [], [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--cdm-after", "b.duckdb"), "--cdm-after needs --cdm"),
        (("--cdm", "nowhere.duckdb"), "There is no CDM at nowhere.duckdb"),
        (("--html", "/proc/nowhere/x.html"), "Choose another --html"),
    ],
)
def test_a_mistake_in_asking_gets_a_message(
    before: RunFolder, after: RunFolder, arguments: tuple[str, ...], says: str
) -> None:
    told = asked(before.root, after.root, *arguments)
    assert told.exit_code != 0
    assert says in str(told.exception or "") + told.output


def test_the_record_of_a_run_is_a_protocol(before: RunFolder) -> None:
    record = before.release / "run.json"
    again = load_protocol(record)
    assert again.content_hash() == records(before, before)[0]["protocol_hash"]
    assert load_protocol(record, ["lag_days=0"]).exposure.lag_days == 0
    with pytest.raises(UsageError, match="is no record of a run"):
        load_protocol(Path("config/concept_sets/dementia.json"))
