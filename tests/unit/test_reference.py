"""The facts in config/ are typed, sourced and complete, and a faulty file says what is wrong with it."""

import csv
import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from cohort.concept_sets import concept_set_items, concept_set_names, load_concept_set
from cohort.errors import UsageError
from cohort.paths import config_folder
from cohort.protocol import Protocol
from cohort.reference import EQUIVALENCE_TABLES, Affinity, Drug, load_affinities, load_drugs, load_findings

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference facts are not beside the checkout")
RENAMED = {
    "dementia": "dementia_all_cause_primary",
    "dementia_broad": "dementia_broad_prevalent_PL864",
    "dementia_explicit": "dementia_explicit_ids_no_ancestor",
    "dementia_secondary_cause": "dementia_secondary_cause_exclusion",
    "obesity_broad_pl32": "obesity_broad_PL32",
    "smoking_pl1166": "smoking_PL1166",
    "tobacco_user_pl1353": "tobacco_user_PL1353",
}
BY_KIND = tuple(f"{kind}_explicit" for kind in (
    "alzheimers_disease", "vascular_dementia", "lewy_body_dementia", "frontotemporal_dementia"
))  # fmt: skip
"""Parts of the explicit set of dementia."""
NOT_SHIPPED = re.compile(
    "negative_control_.*|.*(_DO_NOT_ADJUST|_ref|_atc|_simple)|dementia_PL(33|651_simple)"
    "|benzodiazepine_ingredients|z_drugs|flumazenil"
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path):
    """A copy of the fact tables that a test may spoil."""
    for name in ("drugs.csv", "tspo_affinity.csv", "tspo_findings.csv"):
        shutil.copy(config_folder() / name, tmp_path)
    return tmp_path


def spoil(path: Path, line: int, **cells: str) -> None:
    """Overwrite cells of one line, counted as an editor counts."""
    rows = rows_of(path)
    assert set(cells) <= set(rows[0])
    rows[line - 2] |= cells
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def atlas(path: Path, *items: object) -> Path:
    path.write_text(json.dumps({"items": items}), encoding="utf-8")
    return path


def item(concept_id: object, **flags: object) -> dict[str, object]:
    return {"concept": {"CONCEPT_ID": concept_id, "CONCEPT_NAME": "n"}, **flags}


# --- drugs


def test_the_study_drugs_are_42_benzodiazepines_and_4_z_drugs():
    groups = [drug.drug_group for drug in load_drugs()]
    assert (groups.count("benzodiazepine"), groups.count("z_drug")) == (42, 4)


def test_diazepam_is_the_unit_of_every_equivalence_table():
    diazepam = next(drug for drug in load_drugs() if drug.drug == "diazepam")
    assert diazepam.equivalents_mg() == dict.fromkeys(EQUIVALENCE_TABLES, 10)


def test_a_table_that_does_not_list_a_drug_gives_it_no_equivalent():
    midazolam = next(drug for drug in load_drugs() if drug.drug == "midazolam")
    assert midazolam.equivalents_mg() == {"clincalc": 7}


@pytest.mark.parametrize(
    ("drug", "table", "low", "high"),
    [
        ("estazolam", "ashton", 1, 2),
        ("flurazepam", "ashton", 15, 30),
        ("bromazepam", "ashton", 5, 6),
        ("lormetazepam", "scotland", 1, 2),
        ("prazepam", "ashton", 10, 20),
    ],
)
def test_a_range_is_entered_as_its_midpoint_and_the_note_says_so(drug, table, low, high):
    row = next(row for row in load_drugs() if row.drug == drug)
    assert row.equivalents_mg()[table] == (low + high) / 2
    assert f"{low}-{high} mg; entered as the midpoint" in row.note


def test_a_drug_without_concept_id_can_be_resolved_by_its_name():
    """The site finds it by lower(concept_name) = drug."""
    assert all(drug.concept_name == drug.drug for drug in load_drugs() if drug.concept_id is None)


def test_rows_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_drugs()[0].ashton_mg = 5


@needs_reference
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("concept_id", "omop_concept_id"),
        ("rxcui", "rxcui"),
        ("atc_code", "atc_code"),
        ("ddd_oral_mg", "who_ddd_oral_mg"),
        ("ashton_mg", "dz_eq_ashton_mg"),
        ("vadod_2021_mg", "dz_eq_vadod2021_mg"),
        ("clincalc_mg", "dz_eq_clincalc_mg"),
        ("inada_mg", "dz_eq_inada_mg"),
        ("scotland_mg", "dz_eq_scotland_mg"),
        ("half_life_class", "half_life_class"),
    ],
)
def test_the_drugs_carry_the_facts_of_the_reference_table(ours, theirs):
    def fact(text: str) -> str | None:
        if ours.endswith("_mg") and text:
            ends = [float(end) for end in text.split("-")]
            return f"{sum(ends) / len(ends):g}"
        return text or None

    expected = {
        row["drug"]: fact(row[theirs])
        for row in rows_of(REFERENCE / "drugs.csv")
        if row["role"] in ("benzodiazepine", "z_drug")
    }
    found = {drug.drug: getattr(drug, ours) for drug in load_drugs()}
    assert {
        name: f"{value:g}" if isinstance(value, float) else value and str(value) for name, value in found.items()
    } == expected


@needs_reference
def test_what_was_remembered_is_marked_as_remembered():
    remembered = {row["drug"] for row in rows_of(REFERENCE / "drugs.csv") if "memory" in row["half_life_source"]}
    marked = {drug.drug for drug in load_drugs() if drug.half_life_source == "memory, unverified"}
    assert marked == remembered & {drug.drug for drug in load_drugs()}


# --- TSPO evidence


@pytest.mark.parametrize(
    ("drug", "values"),
    [
        ("diazepam", {("Ki", 10), ("Kd", 214)}),
        ("flunitrazepam", {("Kd", 19)}),
        ("oxazepam", {("Ki", 21_000), ("Ki", 37_000)}),
        ("zolpidem", {("IC50", 4_677)}),
        ("etifoxine", {("IC50", 18_300)}),
        ("clonazepam", set()),
    ],
)
def test_each_measurement_has_its_own_row(drug, values):
    rows = [row for row in load_affinities() if row.drug == drug]
    assert {(row.measure, row.value_nm) for row in rows if row.value_nm is not None} == values


def test_values_are_grade_a_and_inferences_are_grade_d():
    """A grade says what kind of evidence a row is, so the two cannot contradict each other."""
    for row in load_affinities():
        inferred = (row.finding or "").startswith("predicted_")
        assert (row.grade == "A") == (row.value_nm is not None), row
        assert (row.grade == "D") == inferred, row


def test_findings_in_words_are_read_as_levels():
    assert load_findings() == {
        "potent": "high",
        "occupies_at_nanomolar": "high",
        "low_affinity": "low",
        "very_low_affinity": "low",
        "weakly_active": "low",
        "no_occupancy_at_nanomolar": "low",
        "virtually_no_affinity": "none",
        "no_displacement": "none",
        "no_functional_effect": "none",
        "predicted_high": "high",
        "predicted_moderate": "moderate",
        "predicted_low": "low",
        "predicted_none": "none",
    }


def test_every_finding_is_used():
    used = {row.finding for row in load_affinities() if row.finding is not None}
    assert used == set(load_findings())


# --- faulty tables


@pytest.mark.parametrize(
    ("file", "line", "cells", "message"),
    [
        ("drugs.csv", 2, {"id_source": ""}, "line 2 (diazepam): id_source is empty; fill it"),
        ("drugs.csv", 3, {"atc_ddd_source": " "}, "line 3 (flunitrazepam): atc_ddd_source is empty; fill it"),
        ("drugs.csv", 2, {"equivalence_source": ""}, "equivalence_source is empty"),
        ("drugs.csv", 2, {"half_life_source": ""}, "half_life_source is empty"),
        ("drugs.csv", 4, {"drug": ""}, "line 4 (no name): drug is empty"),
        (
            "drugs.csv",
            5,
            {"half_life_class": "medium"},
            "half_life_class is 'medium': input should be 'short'",
        ),
        (
            "drugs.csv",
            5,
            {"drug_group": "opioid"},
            "drug_group is 'opioid': input should be 'benzodiazepine'",
        ),
        ("drugs.csv", 5, {"ashton_mg": "0"}, "ashton_mg is '0': input should be greater than 0"),
        ("drugs.csv", 5, {"ashton_mg": "1-2"}, "ashton_mg is '1-2': input should be a valid number"),
        ("drugs.csv", 5, {"inada_mg": "inf"}, "inada_mg is 'inf': input should be a finite number"),
        ("drugs.csv", 5, {"ddd_oral_mg": "nan"}, "ddd_oral_mg is 'nan': input should be"),
        ("drugs.csv", 5, {"concept_id": "-3"}, "concept_id is '-3': input should be greater than 0"),
        ("drugs.csv", 5, {"atc_code": "N05BA"}, "atc_code is 'N05BA': string should match pattern"),
        ("drugs.csv", 5, {"drug": "Oxa Zepam"}, "drug is 'Oxa Zepam': string should match pattern"),
        ("drugs.csv", 6, {"drug": "diazepam"}, "line 6: drug 'diazepam' stands in line 2 already; keep one"),
        ("drugs.csv", 6, {"concept_id": "723013"}, "line 6: concept_id '723013' stands in line 2 already"),
        ("drugs.csv", 6, {"rxcui": "3322"}, "line 6: rxcui '3322' stands in line 2 already"),
        ("tspo_affinity.csv", 2, {"citation": ""}, "line 2 (diazepam): citation is empty"),
        ("tspo_affinity.csv", 2, {"source": ""}, "line 2 (diazepam): source is empty"),
        ("tspo_affinity.csv", 2, {"grade": "F"}, "grade is 'F': input should be 'A', 'B', 'C', 'D' or 'E'"),
        (
            "tspo_affinity.csv",
            2,
            {"measure": "EC50"},
            "measure is 'EC50': input should be 'Ki', 'Kd', 'IC50'",
        ),
        ("tspo_affinity.csv", 2, {"value_nm": "-10"}, "value_nm is '-10': input should be greater than 0"),
        ("tspo_affinity.csv", 2, {"value_nm": ""}, "Ki, Kd and IC50 take value_nm alone"),
        ("tspo_affinity.csv", 2, {"finding": "potent"}, "Ki, Kd and IC50 take value_nm alone"),
        ("tspo_affinity.csv", 4, {"value_nm": "5"}, "a finding takes finding alone; mend it"),
        ("tspo_affinity.csv", 4, {"finding": ""}, "a finding takes finding alone; mend it"),
        ("tspo_affinity.csv", 4, {"finding": "potant"}, "no finding 'potant'; did you mean 'potent'?"),
        ("tspo_affinity.csv", 2, {"drug": "diazepan"}, "(diazepan): no drug of drugs.csv, nor marked as"),
        ("tspo_affinity.csv", 2, {"drug": "diazepan"}, "did you mean 'diazepam'?"),
        ("tspo_affinity.csv", 2, {"role": "reference_ligand"}, "cannot be a reference_ligand; make its role"),
        ("tspo_findings.csv", 2, {"why": ""}, "line 2 (potent): why is empty"),
        ("tspo_findings.csv", 2, {"level": "unknown"}, "level is 'unknown': input should be 'high'"),
        ("tspo_findings.csv", 3, {"finding": "potent"}, "line 3: finding 'potent' stands in line 2 already"),
    ],
)
def test_a_faulty_row_is_named_with_its_file_line_and_cure(folder, file, line, cells, message):
    spoil(folder / file, line, **cells)
    with pytest.raises(UsageError, match=rf"{file} has 1 problem.*\n  - .*{re.escape(message)}"):
        load_drugs(folder) if file == "drugs.csv" else load_affinities(folder)


def test_all_faults_are_told_at_once_and_a_flood_is_cut_short(folder):
    for line in range(2, 14):
        spoil(folder / "drugs.csv", line, half_life_class="medium")
    with pytest.raises(UsageError) as error:
        load_drugs(folder)
    lines = str(error.value).splitlines()
    assert lines[0].endswith("drugs.csv has 12 problem(s); correct the line(s):")
    assert len(lines) == 12
    assert lines[-1] == "  - and 2 more"


def test_exactly_ten_faults_are_all_shown(folder):
    for line in range(2, 12):
        spoil(folder / "drugs.csv", line, half_life_class="medium")
    with pytest.raises(UsageError) as error:
        load_drugs(folder)
    assert str(error.value).splitlines()[-1].startswith("  - line 11 (temazepam)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: no column finding, level, why; add it"),
        (b"finding,why\npotent,x\n", "line 1: no column level; add it, blank where unknown"),
        (b"finding,levle,why\n", "line 1: unknown column 'levle'; did you mean 'level'?"),
        (b"finding,level,why,why\n", "line 1: the column why stands twice"),
        (b"finding,level,why\n", "holds no rows below its header"),
        (b"finding,level,why\npotent,high,so, they say\n", "line 2: more cells than columns; quote a text"),
        (b"finding,level,why\npotent,high,x\nweak,low\n", "line 3: fewer cells than columns"),
        (b'finding,level,why\npotent,high,"x\n', "cannot be read as CSV in UTF-8"),
        (b"finding,level,why\npotent,high,\xe9\n", "cannot be read as CSV in UTF-8"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(folder, content, message):
    (folder / "tspo_findings.csv").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(message)):
        load_findings(folder)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"There is no file .*drugs\.csv; restore the shipped one"):
        load_drugs(tmp_path)


def test_a_table_saved_by_a_spreadsheet_reads_the_same(folder):
    """A byte order mark, line ends of Windows, and columns in another order."""
    (folder / "tspo_findings.csv").write_bytes(b"\xef\xbb\xbfwhy,finding,level\r\n so ,potent,high\r\n")
    assert load_findings(folder) == {"potent": "high"}


# --- concept sets


@pytest.mark.parametrize("name", concept_set_names())
def test_a_shipped_concept_set_is_an_atlas_expression(name):
    path = config_folder() / "concept_sets" / f"{name}.json"
    expression = json.loads(path.read_text(encoding="utf-8"))
    assert list(expression) == ["items"]
    for raw in expression["items"]:
        assert set(raw) == {"concept", "isExcluded", "includeDescendants", "includeMapped"}
        assert set(raw["concept"]) == {"CONCEPT_ID", "CONCEPT_NAME", "VOCABULARY_ID", "DOMAIN_ID"}
    assert len(load_concept_set(name).items) == len(expression["items"])
    assert re.fullmatch("[a-z][a-z0-9_]*", name)


def test_every_concept_of_every_set_has_a_source_and_no_source_is_idle():
    sources = rows_of(config_folder() / "concept_sets" / "sources.csv")
    assert list(sources[0]) == ["concept_set", "concept_id", "source", "note"]
    assert all(row["source"].strip() for row in sources)
    named = [(row["concept_set"], int(row["concept_id"])) for row in sources]
    assert sorted(named) == sorted(concept_set_items(concept_set_names()).select(pl.nth(0, 1)).rows())


def test_the_primary_protocol_finds_its_concept_sets():
    protocol = Protocol()
    asked = {
        *protocol.population.prevalent_sets,
        *protocol.model.covariates,
        protocol.outcome.concept_set,
        protocol.outcome.explicit_concept_set,
        protocol.outcome.confirming_drugs,
        "delirium",
        "dementia_secondary_cause",
    }
    assert asked <= set(concept_set_names())


def test_no_covariate_of_drugs_contains_a_study_drug():
    """Adjusting for the exposure would remove it."""
    study = {drug.concept_id for drug in load_drugs()} - {None}
    items = concept_set_items(concept_set_names()).filter(~pl.col("is_excluded"))
    assert items.filter(pl.col("concept_id").is_in(list(study))).height == 0


def test_dementia_blamed_on_the_exposure_is_no_outcome():
    excluded = {item.concept_id for item in load_concept_set("dementia").items if item.is_excluded}
    assert {4245766, 376095, 4009647} <= excluded
    assert {4245766, 376095, 4009647}.isdisjoint(
        item.concept_id for item in load_concept_set("dementia_explicit").items
    )


@needs_reference
def test_the_concept_sets_carry_the_facts_of_the_reference_table():
    expected = [
        (
            row["concept_set"],
            int(row["concept_id"]),
            row["include_descendants"] == "1",
            row["is_excluded"] == "1",
        )
        for row in rows_of(REFERENCE / "concept_sets.csv")
        if not NOT_SHIPPED.fullmatch(row["concept_set"])
    ]
    found = concept_set_items(name for name in concept_set_names() if name not in BY_KIND).rows()
    assert sorted((RENAMED.get(name, name), *rest) for name, *rest in found) == sorted(expected)


def test_the_explicit_sets_of_single_kinds_are_parts_of_that_of_dementia():
    """Each with the ids of its own set, and no id in two of them."""
    dementia = {item.concept_id for item in load_concept_set("dementia_explicit").items}
    parts = [item.concept_id for name in BY_KIND for item in load_concept_set(name).items]
    assert set(parts) < dementia
    assert len(parts) == len(set(parts))
    for name in BY_KIND:
        own = {item.concept_id for item in load_concept_set(name.removesuffix("_explicit")).items}
        assert own <= {item.concept_id for item in load_concept_set(name).items}


@needs_reference
def test_the_concept_names_are_those_of_the_reference_table():
    expected = {int(row["concept_id"]): row["concept_name"] for row in rows_of(REFERENCE / "concept_sets.csv")}
    for name in ("dementia", "anxiety_disorder", "statins"):
        for found in load_concept_set(name).items:
            assert found.concept_name.lower() == expected[found.concept_id].lower()


def test_a_concept_set_is_read_from_a_path(tmp_path):
    path = atlas(tmp_path / "mine.json", item(7, includeDescendants=True), item(8, isExcluded=True))
    found = load_concept_set(str(path))
    assert found == load_concept_set(path)
    assert found.name == "mine"
    assert [(i.concept_id, i.include_descendants, i.is_excluded) for i in found.items] == [
        (7, True, False),
        (8, False, True),
    ]


def test_a_concept_set_wrapped_with_its_id_and_name_reads_the_same(tmp_path):
    bare = atlas(tmp_path / "a.json", item(7))
    wrapped = tmp_path / "b.json"
    wrapped.write_text(
        json.dumps({"id": 1, "name": "x", "expression": json.loads(bare.read_text())}), encoding="utf-8-sig"
    )
    assert load_concept_set(wrapped).items == load_concept_set(bare).items


def test_concept_sets_become_one_table():
    table = concept_set_items(["dementia_history", "mild_cognitive_impairment", "dementia_history"])
    assert table.schema == pl.Schema(
        {
            "concept_set": pl.String,
            "concept_id": pl.Int64,
            "include_descendants": pl.Boolean,
            "is_excluded": pl.Boolean,
        }
    )
    assert table.rows() == [
        ("dementia_history", 4059191, True, False),
        ("mild_cognitive_impairment", 439795, True, False),
        ("mild_cognitive_impairment", 4297400, True, False),
    ]


def test_no_concept_sets_make_an_empty_table_with_its_columns():
    assert concept_set_items([]).schema == concept_set_items(["dementia"]).schema


def test_two_concept_sets_of_one_name_are_refused(tmp_path):
    path = atlas(tmp_path / "dementia.json", item(7))
    with pytest.raises(UsageError, match="Two concept sets are called 'dementia'; rename one"):
        concept_set_items(["dementia", path])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "includes no concept and would find nobody"),
        ([item(7, isExcluded=True)], "includes no concept and would find nobody"),
        ([item(7), item(8, includeMapped=True)], "1 item(s), first 8, ask for mapped source concepts"),
        ([item(7), item(7, isExcluded=True)], "concept 7 stands twice; keep one"),
        ([item(7), {"CONCEPT_ID": 8}], "item 2: no concept; export it again"),
        ([item(7), 8], "item 2: no concept; export it again"),
        ([{"concept": {"CONCEPT_NAME": "n"}}], "item 1: CONCEPT_ID: Field required; export it again"),
        ([item("seven")], "item 1: CONCEPT_ID: Input should be a valid integer"),
        ([item(0)], "item 1: CONCEPT_ID: Input should be greater than 0"),
        ([item(7, isExcluded="perhaps")], "item 1: isExcluded: Input should be a valid boolean"),
    ],
)
def test_a_concept_set_that_cannot_be_resolved_is_refused(tmp_path, items, message):
    path = atlas(tmp_path / "mine.json", *items)
    with pytest.raises(UsageError, match=rf"mine\.json.*{re.escape(message)}"):
        load_concept_set(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "cannot be read as JSON"),
        (b'{"items": "\xe9"}', "cannot be read as JSON"),
        (b"[]", "is no concept set: it needs"),
        (b'{"ConceptSets": []}', "is no concept set: it needs"),
        (b'{"items": {}}', "is no concept set: it needs"),
        (b'{"expression": 1}', "is no concept set: it needs"),
    ],
)
def test_a_file_that_is_no_concept_set_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_concept_set(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demntia", "no concept set 'demntia'; did you mean 'dementia'?"),
        ("Insomnia", "no concept set 'Insomnia'; did you mean 'insomnia'?"),
        ("nowhere/mine.json", "There is no concept set at nowhere"),
        ("nowhere/mine", "There is no concept set at nowhere"),
        ("mine.json", "There is no concept set at mine.json"),
    ],
)
def test_an_unknown_concept_set_names_the_nearest(name, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        load_concept_set(name)


def test_a_site_may_bring_its_own_folder_of_facts(folder):
    (folder / "concept_sets").mkdir()
    atlas(folder / "concept_sets" / "own.json", item(7))
    assert concept_set_names(folder) == ("own",)
    assert [one.concept_id for one in load_concept_set("own", folder).items] == [7]
    assert load_drugs(folder) == load_drugs()
    assert load_affinities(folder) == load_affinities()


@pytest.mark.parametrize("row_type", [Drug, Affinity])
def test_every_column_is_described(row_type):
    assert all(field.description for field in row_type.model_fields.values())
