"""Text that is SQL, a pattern of file names or a command of a terminal is text here: nothing of it is carried out."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import Result

from cohort.analyses import PRIMARY
from cohort.concept_sets import concept_set_items
from cohort.engine import steps_for
from cohort.errors import UsageError
from cohort.paths import config_folder
from cohort.reference import load_drugs
from cohort.study import RunSettings, build_table, fit_one, prepare_run, read_models, tables_of
from tests.corpus.cases import CdmCase, broken_cdm, cdm_cases
from tests.processes import tspo

Tspo = Callable[..., Result]
PAYLOADS = (
    *("'; drop table person; --", '" or 1=1; --', "$$; drop table person; $$", "\\'; attach 'x' as y; --", "a\0b"),
    *(
        "a\nb",
        "\u2019 or \u20191\u2019=\u20191",
        "%s%n",
        "{}{0}{lag_days}",
        "$lag_days",
        "\x1b[31m",
        "\u202e",
        "${IFS}",
        "`id`",
    ),
)
FIELDS = (
    *("study.name", "outcome.diagnosis", "outcome.concept_set", "outcome.explicit_concept_set", "exposure.metric"),
    *("outcome.confirming_drugs", "outcome.tier", "ledger.days_supply_order", "model.covariates", "model.ties"),
    *("population.prevalent_sets", "exposure.site_equivalents_source", "population.study_start", "affinity.grades"),
)
FILE_NAMES = ("it's", 'say "x"; drop table person; --', "a b#c%20%s{}{a,b}$1", "é中", "a[b]", "what?", "-x=1", "a\nb")
FEWER = ("lag_family_days=[]", "missing_dose_bounds=[]", "model.bootstrap_replicates=0", "arrangements=100")


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def parquet(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean CDM as a folder of Parquet files."""
    folder = tmp_path_factory.mktemp("parquet")
    with duckdb.connect(str(clean), read_only=True) as connection:
        for (table,) in connection.sql("select table_name from duckdb_tables()").fetchall():
            connection.execute(f"copy {table} to '{folder / table}.parquet'")
    return folder


@pytest.fixture(scope="module")
def plain(clean: Path, tspo: Tspo) -> str:
    """What `tspo check` says of the clean CDM."""
    done = tspo("check", "--cdm", str(clean))
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_in_a_field_is_never_carried_out(clean: Path, plain: str, tspo: Tspo, payload: str) -> None:
    before = content(clean)
    for field in FIELDS:
        for value in (payload, f"[{payload!r}]"):
            done = tspo("check", "--cdm", str(clean), "--set", f"{field}={value}")
            assert done.exit_code == 2 or (done.exit_code, done.stdout) == (0, plain)
            assert all(sign == "\n" or sign.isprintable() for sign in done.stderr)
    assert content(clean) == before


@pytest.mark.parametrize("name", FILE_NAMES)
def test_the_name_of_a_cdm_is_only_a_name(
    clean: Path, parquet: Path, plain: str, tmp_path: Path, tspo: Tspo, name: str
) -> None:
    file, folder = tmp_path / f"{name}.duckdb", tmp_path / name
    shutil.copy(clean, file)
    folder.symlink_to(parquet, target_is_directory=True)
    for cdm in (file, folder):
        done = tspo("check", "--cdm", str(cdm))
        assert (done.exit_code, done.stdout, done.stderr) == (0, plain, "")
    assert content(file) == content(clean)


def test_a_folder_whose_name_is_a_pattern_is_read_alone(
    clean: Path, parquet: Path, plain: str, tmp_path: Path, tspo: Tspo
) -> None:
    """`star*` stands for `star1` too, whose rows would be added."""
    for name in ("star*", "star1"):
        (tmp_path / name).symlink_to(parquet, target_is_directory=True)
    assert tspo("check", "--cdm", str(tmp_path / "star*")).stdout == plain


@pytest.mark.parametrize(
    "location", ["https://'; drop table person; --", "s3://$$/x", "file:///etc/passwd", "a\0b", ""]
)
def test_a_location_that_is_no_cdm_is_refused(tspo: Tspo, location: str) -> None:
    done = tspo("check", "--cdm", location)
    assert done.exit_code == 2
    assert done.stderr.startswith("tspo: ")


def test_a_run_knows_the_files_of_a_folder_with_a_quote_in_its_name(parquet: Path, tmp_path: Path) -> None:
    (tmp_path / "it's").symlink_to(parquet, target_is_directory=True)
    prepared = prepare_run(RunSettings(cdm=str(tmp_path / "it's"), out=str(tmp_path / "run"), changes=FEWER))
    assert set(prepared.cdm_keys.values()) != {"absent"}


def test_a_run_lies_in_a_folder_of_any_name(clean: Path, tmp_path: Path) -> None:
    """Quotes, spaces, braces, dollars and other scripts; the numbers are those of a folder with a plain name."""
    found = []
    for name in ("plain", 'it\'s "a" b#c%20%s{}{a,b}$1;é中', "a*", "what?", "a[b]"):
        prepared = prepare_run(RunSettings(cdm=str(clean), out=str(tmp_path / name), changes=FEWER))
        tables = {}
        for step in steps_for(tables_of(*prepared.analysis(PRIMARY).models)):
            upstream = {n: tables[n] for n in step.reads if n in tables}
            tables[step.name] = build_table(prepared, PRIMARY, step.name, upstream)
        found.append(read_models([fit_one(prepared, PRIMARY, "linear", tables)]).estimates)
    assert all(other == found[0] for other in found[1:])


@pytest.mark.parametrize("payload", ["'; drop table person; --", "$$", "a b", "Diazepam", ""])
def test_the_name_of_a_drug_is_only_a_name(tmp_path: Path, payload: str) -> None:
    text = (config_folder() / "drugs.csv").read_text(encoding="utf-8")
    (tmp_path / "drugs.csv").write_text(text.replace("\ndiazepam,", f'\n"{payload}",'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"drugs\.csv has 1 problem"):
        load_drugs(tmp_path)


def test_the_name_of_a_concept_set_s_file_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "'; drop table person; --.json"
    shutil.copy(config_folder() / "concept_sets" / "dementia.json", path)
    assert concept_set_items([path]).get_column("concept_set").unique().to_list() == ["'; drop table person; --"]


# --- In processes of their own ---------------------------------------------------------------------------------


def run(cdm: Path, out: Path, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = [part for change in FEWER for part in ("--set", change)]
    return tspo("run", "--cdm", cdm, "--out", out, *arguments, *more, home=home)


@pytest.fixture(scope="module")
def by_name() -> dict[str, CdmCase]:
    return {case.name: case for case in cdm_cases()}


@pytest.mark.parametrize("name", ["no study drug"])
def test_a_refused_run_says_why_and_leaves_nothing(
    by_name: dict[str, CdmCase], clean: Path, tmp_path: Path, prefect_home: Path, name: str
) -> None:
    cdm = broken_cdm(by_name[name], clean, tmp_path / "cdm.duckdb")
    done = run(cdm, tmp_path / "run", prefect_home)
    assert (done.stderr.strip().splitlines(), done.returncode) == (by_name[name].run_says.splitlines(), 1)
    assert not (tmp_path / "run").exists()


def test_a_run_of_a_dirty_cdm_in_an_odd_folder_ends_with_rows_that_say_why(
    by_name: dict[str, CdmCase], clean: Path, tmp_path: Path, prefect_home: Path
) -> None:
    cdm = broken_cdm(by_name["conditions without concept"], clean, tmp_path / "it's $1 {x}.duckdb")
    before = content(cdm)
    done = run(cdm, tmp_path / "out of it's {}", prefect_home)
    assert done.returncode == 3, done.stderr
    assert "A diagnostic gate failed" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert (
        "not estimable: no dementia events" in (tmp_path / "out of it's {}" / "release" / "estimates.csv").read_text()
    )
    assert content(cdm) == before
