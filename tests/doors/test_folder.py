"""A CDM in a folder: how the files are written is seen from their first lines, and what is wrong is said by name."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cohort.cdm import CDM_TABLES
from cohort.engine import build, content_of, load_steps
from cohort.errors import UsageError
from cohort.fingerprint import fingerprint
from cohort.source import open_cdm
from cohort.source.delimited import layouts
from tests.doors.identity import without_rights

PERSON = "person_id,gender_concept_id,year_of_birth\n1,8507,1940\n2,8532,1950\n"
NAME = "concept_id\tconcept_name\tconcept_class_id\tstandard_concept\n"

Rows = list[tuple[Any, ...]]


def rows(folder: Path, query: str) -> Rows:
    with open_cdm(str(folder)) as cdm:
        return cdm.connection.execute(query).fetchall()


def refused(folder: Path, query: str = "select count(*) from person") -> str:
    with pytest.raises(UsageError) as error:
        rows(folder, query)
    assert "\n" not in str(error.value)
    return str(error.value)


def problems(folder: Path) -> str:
    with open_cdm(str(folder)) as cdm:
        return "\n".join([*cdm.problems, *cdm.warnings])


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("change", [str, str.upper])
def test_the_delimiter_is_the_one_that_parts_the_header_into_known_names(
    tmp_path: Path, delimiter: str, change: Callable[[str], str]
) -> None:
    write(tmp_path, "Person.CSV", change(PERSON).replace(",", delimiter))
    assert rows(tmp_path, "select person_id, year_of_birth from person order by 1") == [(1, 1940), (2, 1950)]


def test_a_tab_file_of_athena_keeps_double_quotes_in_names(tmp_path: Path) -> None:
    name = '"Little" pill of 5"'
    write(tmp_path, "CONCEPT.csv", f'{NAME}7\t{name}\tIngredient\tS\n8\t5" tube\t\t\n')
    assert rows(tmp_path, "select concept_name, standard_concept from concept order by concept_id") == [
        (name, "S"),
        ('5" tube', None),
    ]


def test_a_tab_file_with_quoted_names_has_quotes_as_marks(tmp_path: Path) -> None:
    header = "\t".join(f'"{name}"' for name in NAME.strip().split("\t"))
    write(tmp_path, "concept.tsv", f'{header}\n7\t"a tab\tin it"\t"Ingredient"\t"S"\n')
    assert rows(tmp_path, "select concept_name from concept") == [("a tab\tin it",)]


def test_quoted_text_may_hold_delimiters_and_ends_of_lines(tmp_path: Path) -> None:
    write(tmp_path, "concept.csv", 'concept_id,concept_name\r\n1,"a, ""b""\nc"\r\n')
    assert rows(tmp_path, "select concept_name from concept") == [('a, "b"\nc',)]


@pytest.mark.parametrize("missing", ["", "NULL", r"\N"])
def test_what_databases_write_for_a_missing_value_is_missing(tmp_path: Path, missing: str) -> None:
    write(tmp_path, "concept.csv", f"concept_id,concept_name,standard_concept\n1,x,{missing}\n")
    assert rows(tmp_path, "select standard_concept from concept") == [(None,)]


def test_a_packed_file_with_a_mark_of_its_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "person.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + PERSON.encode()))
    assert rows(tmp_path, "select count(*) from person") == [(2,)]


def headless(table: str, layout: int, **values: object) -> str:
    return ",".join(str(values.get(name, "")) for name in layouts(table)[layout]) + "\n"


DRUG = {
    **{"drug_exposure_id": 1, "person_id": 2, "drug_concept_id": 3, "drug_exposure_start_date": "20100301"},
    **{"days_supply": 30, "quantity": 7.5, "verbatim_end_date": "2010-03-30"},
}


@pytest.mark.parametrize("layout", [0, 1])
def test_a_file_without_header_has_the_columns_of_the_cdm_that_has_as_many(tmp_path: Path, layout: int) -> None:
    write(tmp_path, "drug_exposure.csv", headless("drug_exposure", layout, **DRUG))
    query = "select person_id, year(drug_exposure_start_date), day(verbatim_end_date), days_supply, quantity"
    assert rows(tmp_path, f"{query} from drug_exposure") == [(2, 2010, 30, 30, 7.5)]


def test_every_column_that_the_study_reads_has_a_place_in_every_cdm() -> None:
    for table in CDM_TABLES:
        assert layouts(table.name)
        for layout in layouts(table.name):
            assert {column.name for column in table.columns} <= set(layout)
            assert len(set(layout)) == len(layout)


def test_a_file_without_header_that_fits_no_cdm_is_a_problem_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, "person.csv", "1,8507,1940\n2,8532,1950\n")
    told = problems(tmp_path)
    assert "table person has no header in person.csv, and its first line of 3 columns is none of CDM 5.2" in told
    assert "(18 columns); put the names of the columns into the first line" in told


def test_as_many_columns_of_something_else_are_no_cdm(tmp_path: Path) -> None:
    """CDM 5.1 had as many columns in drug_exposure as 5.3, in another order."""
    cells = "1,2,3,2010-03-01,2010-03-01,2010-03-31,,38000175,,,7.5,30,,,,,,,,,,,"
    assert len(cells.split(",")) == len(layouts("drug_exposure")[0])
    write(tmp_path, "drug_exposure.csv", cells + "\n")
    assert "table drug_exposure has no header" in problems(tmp_path)


def test_an_empty_file_and_a_column_that_is_named_twice_are_problems(tmp_path: Path) -> None:
    write(tmp_path, "person.csv", "")
    write(tmp_path, "death.csv", "person_id,death_date,DEATH_DATE\n1,2010-01-01,2010-01-02\n")
    told = problems(tmp_path)
    assert "table person is empty: person.csv has no first line" in told
    assert "table death has column death_date twice in death.csv" in told


def test_two_files_of_one_table_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "person.csv", PERSON)
    write(tmp_path, "old/PERSON.tsv", PERSON)
    assert "holds table person 2 times (old/PERSON.tsv, person.csv)" in refused(tmp_path)


def test_a_folder_of_vocabulary_is_no_table_when_its_files_are(tmp_path: Path) -> None:
    write(tmp_path, "vocabulary/CONCEPT.csv", f"{NAME}7\tdiazepam\tIngredient\tS\n")
    write(tmp_path, "vocabulary/VOCABULARY.csv", "vocabulary_id\tvocabulary_version\nNone\tv5\n")
    assert rows(tmp_path, "select concept_id from concept") == [(7,)]
    assert rows(tmp_path, "select vocabulary_version from vocabulary") == [("v5",)]


def test_parts_in_a_folder_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "person" / "year=1940").mkdir(parents=True)
    for number, place in ((1, "part-0.parquet"), (2, "year=1940/part-1.parquet")):
        duckdb.sql(
            f"copy (select {number} as PERSON_ID, 8507 as gender_concept_id, 1940 as year_of_birth) "
            f"to '{tmp_path}/person/{place}'"
        )
    write(tmp_path, "person/_SUCCESS", "")
    write(tmp_path, "death/part-0.csv", "person_id,death_date\n1,2010-01-01\n")
    write(tmp_path, "death/part-1.csv", "person_id,death_date\n2,2010-01-01\n")
    assert rows(tmp_path, "select person_id from person order by 1") == [(1,), (2,)]
    assert rows(tmp_path, "select count(*) from death") == [(2,)]
    with open_cdm(str(tmp_path)) as cdm:
        before = fingerprint(cdm.connection)
    write(tmp_path, "death/part-1.csv", "person_id,death_date\n22,2010-01-01\n")
    with open_cdm(str(tmp_path)) as cdm:
        after = fingerprint(cdm.connection)
    assert before["death"] != after["death"]
    assert before["person"] == after["person"]


def test_dates_that_are_whole_numbers_are_read(tmp_path: Path) -> None:
    duckdb.sql(f"copy (select 1 as person_id, 20100301 as death_date) to '{tmp_path}/death.parquet'")
    assert rows(tmp_path, "select month(death_date) from death") == [(3,)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PERSON + "3,8507\n", "line 4 has 2 columns where 3 are expected"),
        (PERSON + '3,"8507,1950\n', "line 4 has a quote that never ends"),
        (PERSON + "3,caf\xe9,1950\n", "line 4 is not in UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "person.csv"
    path.write_bytes(text.encode("latin-1"))
    told = refused(tmp_path, "select max(gender_concept_id) from person")
    assert told == f"{path} cannot be read as a table: {message}. Mend it or export it again."


def test_a_step_of_the_study_that_meets_such_a_line_says_so_too(tmp_path: Path) -> None:
    path = write(tmp_path, "cdm/person.csv", PERSON + "3,8507\n")

    def connect() -> Any:
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Any:
            with open_cdm(str(tmp_path / "cdm")) as cdm:
                yield cdm.connection

        return opened()

    birth = load_steps()["birth"]
    with pytest.raises(UsageError, match="line 4 has 2 columns"):
        build(connect, birth, {}, [], content_of(birth, {}, {"person": "key"}), tmp_path / "birth.parquet")
    assert path.exists()
    assert not list(tmp_path.glob("birth*"))


@pytest.mark.parametrize("content", [b"PAR1" + b"x" * 99 + b"PAR1", b"", b"no Parquet"])
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "person.parquet").write_bytes(content)
    assert "person.parquet is cut short, damaged or no Parquet file; write or copy it again." in refused(tmp_path)


def test_a_parquet_file_that_is_damaged_inside_is_named(tmp_path: Path) -> None:
    path = tmp_path / "person.parquet"
    duckdb.sql(
        "copy (select range as person_id, hash(range) as gender_concept_id, 1940 as year_of_birth from range(50000)) "
        f"to '{path}'"
    )
    content = bytearray(path.read_bytes())
    content[1_000:90_000] = bytes(89_000)
    path.write_bytes(content)
    told = refused(tmp_path, "select max(person_id), max(gender_concept_id) from person")
    assert told == f"{path} is cut short, damaged or no Parquet file; write or copy it again."


def test_a_packed_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "person.csv.gz"
    path.write_bytes(gzip.compress(PERSON.encode() * 1000)[:20])
    assert "cannot be unpacked" in refused(tmp_path)


@pytest.mark.parametrize("closed", ["person.csv", "person.parquet", "part"])
def test_what_may_not_be_read_is_named(tmp_path: Path, closed: str) -> None:
    write(tmp_path, "death.csv", "person_id,death_date\n1,2010-01-01\n")
    if closed == "person.parquet":
        duckdb.sql(f"copy (select 1 as person_id) to '{tmp_path}/{closed}'")
    elif closed == "part":
        write(tmp_path, "part/person.csv", PERSON)
    else:
        write(tmp_path, closed, PERSON)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    (tmp_path / closed).chmod(0)
    try:
        with without_rights():
            told = refused(tmp_path)
    finally:
        (tmp_path / closed).chmod(0o755)
    assert told == f"{tmp_path / closed} cannot be read: Permission denied. Ask for the right to read it."
