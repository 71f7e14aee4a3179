"""Another outcome than dementia, through the whole flow."""

import json
from pathlib import Path

import duckdb
import polars as pl

from cohort.analyses import PRIMARY
from cohort.study import RunSettings, build_tables, prepare_run
from flows.study import study

KINDS = {378419: "alzheimers_disease", 443605: "competing diagnosis", 380701: "competing diagnosis"}
"""The simulator writes one kind of dementia for each person: also 4182210, of no stated kind, which ends nothing."""


def test_alzheimers_disease_is_a_part_of_dementia(small_cdm: Path, tmp_path: Path) -> None:
    """Whoever leaves the primary study with dementia leaves this one by its kind, on the same day."""
    out = tmp_path / "run"
    changes = ("diagnosis=alzheimers_disease", "lag_family_days=[]", "missing_dose_bounds=[]", "bootstrap_replicates=0")
    study(RunSettings(cdm=str(small_cdm), out=str(out), changes=changes))
    other = prepare_run(RunSettings(cdm=str(small_cdm), out=str(tmp_path / "dementia")))
    places = (out / "private" / "cohort.parquet", Path(build_tables(other, PRIMARY)["cohort"].path))
    own, primary = (pl.read_parquet(place) for place in places)
    assert own.get_column("person_id").to_list() == primary.get_column("person_id").to_list()
    with duckdb.connect(str(small_cdm), read_only=True) as connection:
        codes = connection.sql(f"""
            select distinct person_id, condition_concept_id as code from condition_occurrence
            where condition_concept_id in {tuple(KINDS)}""").pl()
    kinds = codes.with_columns(wanted=pl.col("code").replace_strict(KINDS))
    cases = primary.filter(pl.col("exit_reason") == "dementia").join(kinds, on="person_id", how="left")
    both = cases.join(own, on="person_id", suffix="_own")
    stated = both.drop_nulls("wanted")
    assert stated.get_column("exit_reason_own").equals(stated.get_column("wanted"), check_names=False)
    assert stated.get_column("exit_date_own").equals(stated.get_column("exit_date"), check_names=False)
    unstated = both.filter(pl.col("wanted").is_null()).get_column("exit_reason_own").unique().to_list()
    assert set(unstated) <= {"death", "end of observation"}
    assert set(stated.get_column("wanted")) == set(KINDS.values())
    assert unstated

    release = out / "release"
    estimates = pl.read_parquet(release / "estimates.parquet")
    assert set(estimates.get_column("outcome")) == {"alzheimers_disease", "death"}
    assert set(pl.read_csv(release / "curves.csv").get_column("outcome")) == {
        "alzheimers_disease", "competing diagnosis", "death"
    }  # fmt: skip
    record = json.loads((release / "run.json").read_text())
    balances = {row["balance"]: row["holds"] for row in record["conservation"]}
    assert balances["competing diagnoses: cohort = person_time"]
    assert record["protocol"]["outcome"]["diagnosis"] == "alzheimers_disease"
    page = (release / "report.html").read_text()
    assert "<h1>Benzodiazepine dose by TSPO affinity and Alzheimer&#39;s disease</h1>" in page
    assert "Another dementia" in page
