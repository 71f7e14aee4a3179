"""Whatever a file or a value holds, it is read, or refused in one message that can be read: nothing else happens."""

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cohort.concept_sets import concept_set_items
from cohort.errors import UsageError
from cohort.expectation.reader import read_expectations
from cohort.inputs import study_inputs, study_parameters
from cohort.paths import config_folder
from cohort.protocol import Protocol, leaf_fields, load_protocol
from cohort.typed_csv import read_csv

EXAMPLES = int(os.environ.get("TSPO_EXAMPLES", "100"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ROOT = Path(__file__).parents[2]
STUDY = (config_folder() / "study.toml").read_bytes()
CONCEPTS = (config_folder() / "concept_sets" / "dementia.json").read_bytes()
DRUGS = (config_folder() / "drugs.csv").read_bytes()
EXPECTATIONS = [path.read_bytes() for path in sorted((ROOT / "tests" / "expectations").glob("*.toml"))]
PAYLOADS = [b"'", b'"', b"\\", b"\0", b"\n", b"\r", b"=", b"[", b"]", b"{}", b"inf", b"nan", b"-1", b"9" * 20, b"\xff"]
PAYLOADS += [b"1e400", b"true", b"2011-02-29", b"0x" + b"f" * 4000, b"\xe2\x80\xae", b"\x1b[31m", b"[[", b"#", b"''"]


class Hex(int):
    """A whole number whose decimal text Python refuses to make."""

    def __repr__(self) -> str:
        return hex(self)


edit = st.tuples(st.integers(0, 100_000), st.integers(0, 12), st.sampled_from(PAYLOADS) | st.binary(max_size=6))
"""Where in a file, how many bytes go, and what comes in their place."""
value = st.recursive(
    st.integers() | st.floats() | st.text(max_size=20) | st.booleans() | st.dates() | st.just(Hex(16**5000)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def edited(text: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, gone, new in edits:
        at = place % (len(text) + 1)
        text = text[:at] + new + text[at + gone :]
    return text


def written(something: object) -> str:
    """A value in TOML."""
    if isinstance(something, bool):
        return str(something).lower()
    if isinstance(something, str):
        return json.dumps(something).replace("\x7f", "\\u007f")
    if isinstance(something, list):
        return f"[{', '.join(map(written, something))}]"
    if isinstance(something, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in something.items()) + "}"
    return repr(something) if isinstance(something, Hex) else str(something)


def read_or_refused(read: Callable[[], object], names: str = "") -> None:
    """Either it is read, or the message is for a reader: it names the file, is short and has no control characters."""
    try:
        read()
    except UsageError as error:
        said = str(error)
        assert names in said
        assert 0 < len(said) - len(names) < 2_000
        assert all(sign == "\n" or sign.isprintable() for sign in said)


@fuzz
@given(edits=st.lists(edit, min_size=1, max_size=4))
def test_a_protocol_of_any_bytes_is_read_or_refused(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(edited(STUDY, edits))
    read_or_refused(lambda: load_protocol(path), str(path))


@fuzz
@given(
    field=st.sampled_from([(section, name) for section, name, _ in leaf_fields()]),
    table=st.sampled_from(["[{section}]", "[[analysis]]\nname = 'a'", "[[grid]]", "[preset]", "[[published]]"]),
    new=value,
)
def test_a_protocol_of_any_values_is_read_or_refused(
    tmp_path: Path, field: tuple[str, str], table: str, new: object
) -> None:
    """What is read gives the SQL its parameters and tables, or names what there is not."""
    path = tmp_path / "p.toml"
    text = f"{table.format(section=field[0])}\n{field[1]} = {written(new)}\n"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

    def use() -> None:
        protocol = load_protocol(path)
        read_or_refused(lambda: (study_parameters(protocol), study_inputs(protocol)))

    read_or_refused(use, str(path))


@fuzz
@given(
    key=st.sampled_from([name for _, name, _ in leaf_fields()]) | st.text(max_size=12),
    new=st.text(max_size=30) | value.map(written) | st.sampled_from(PAYLOADS).map(lambda b: b.decode("latin-1")),
)
@example(key="diagnosis", new="[]")
def test_any_change_is_made_or_refused(key: str, new: str) -> None:
    read_or_refused(lambda: load_protocol(changes=[f"{key}={new}"]))


@fuzz
@given(base=st.sampled_from(EXPECTATIONS), edits=st.lists(edit, min_size=1, max_size=3))
def test_an_expectation_file_of_any_bytes_is_read_or_refused(
    tmp_path: Path, base: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    path = tmp_path / "e.toml"
    path.write_bytes(edited(base, edits))
    read_or_refused(lambda: read_expectations([path], Protocol()), str(path))


@fuzz
@given(edits=st.lists(edit, min_size=1, max_size=4))
def test_a_concept_set_of_any_bytes_is_read_or_refused(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(edited(CONCEPTS, edits))
    read_or_refused(lambda: concept_set_items([path]), str(path))


@fuzz
@given(
    item=st.dictionaries(
        st.sampled_from(["CONCEPT_ID", "CONCEPT_NAME", "isExcluded", "includeDescendants", "includeMapped", "concept"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just({"CONCEPT_ID": 2**64}),
    ),
    depth=st.sampled_from([0, 1, 100_000]),
)
def test_a_concept_set_of_any_values_is_read_or_refused(tmp_path: Path, item: dict[str, object], depth: int) -> None:
    path = tmp_path / "s.json"
    inner = json.dumps({"concept": item} | item)
    path.write_text(f'{{"items": {"[" * depth}{inner if depth == 0 else ""}{"[" if depth == 0 else ""}')
    if depth == 0:
        path.write_text(f'{{"items": [{inner}]}}')
    read_or_refused(lambda: concept_set_items([path]), str(path))


@fuzz
@given(edits=st.lists(edit, min_size=1, max_size=4))
def test_a_table_of_facts_of_any_bytes_is_read_or_refused(tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    from cohort.reference import Drug

    path = tmp_path / "drugs.csv"
    path.write_bytes(edited(DRUGS, edits))
    read_or_refused(lambda: read_csv(path, Drug, unique=("drug", "concept_id", "rxcui")), str(path))


def test_the_fuzz_sees_what_is_neither() -> None:
    with pytest.raises(ValueError, match="other"):
        read_or_refused(lambda: int("other"))
    with pytest.raises(AssertionError):
        read_or_refused(lambda: load_protocol(changes=["lag_days=x"]), "a name that is not told")
    assert isinstance(dt.date.fromisoformat(written(dt.date(2011, 1, 1))), dt.date)
