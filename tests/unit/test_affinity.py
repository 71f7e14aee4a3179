"""The TSPO class of a drug follows from its evidence, by rule."""

import csv
import doctest
import itertools
import math
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from cohort import affinity
from cohort.affinity import (
    LEVELS,
    STUDY_DRUG_SCHEMA,
    TSPO_CLASS_OF_LEVEL,
    CutPoints,
    classify,
    level_of,
    study_drugs,
)
from cohort.errors import UsageError
from cohort.reference import Affinity, Drug, load_affinities, load_drugs, load_findings

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "drugs.csv"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="the reference facts are not beside the checkout")

FINDINGS = {"seen_well": "high", "seen": "moderate", "seen_badly": "low", "not_seen": "none"}
CUT_POINTS = CutPoints()


def evidence(text: str) -> list[Affinity]:
    """Rows from a line such as `Ki 10 A, seen B`: a measure and nM, or a finding, then the grade."""
    rows = []
    for part in text.split(",") if text else []:
        *what, grade = part.split()
        row = (
            {"measure": what[0], "value_nm": what[1]} if len(what) == 2 else {"measure": "finding", "finding": what[0]}
        )
        rows.append(Affinity.model_validate({**row, "drug": "x", "grade": grade, "citation": "c", "source": "s"}))
    return rows


def drug(**fields: object) -> Drug:
    """A study drug with the fields given and placeholders elsewhere."""
    sources = dict.fromkeys(("id_source", "atc_ddd_source", "equivalence_source", "half_life_source"), "s")
    names = {
        "drug": "x",
        "drug_group": "z_drug",
        "concept_name": "x",
        "active_moiety": "x",
        "half_life_class": "short",
    }
    return Drug.model_validate(sources | names | fields)


def shipped(**choices: object) -> pl.DataFrame:
    """The study drugs of the shipped files."""
    arguments = {"cut_points": CUT_POINTS} | choices
    return study_drugs(load_drugs(), load_affinities(), load_findings(), **arguments)


def reference(column: str) -> dict[str, str]:
    """A column of the reference table for the study drugs."""
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] in ("benzodiazepine", "z_drug")]
    return {row["drug"]: row[column] for row in rows}


def above(value: float) -> float:
    return math.nextafter(value, math.inf)


@pytest.mark.parametrize(
    ("value_nm", "level"),
    [
        (1e-9, "high"),
        (100, "high"),
        (above(100), "moderate"),
        (1_000, "moderate"),
        (above(1_000), "low"),
        (10_000, "low"),
        (above(10_000), "none"),
        (1e9, "none"),
    ],
)
def test_a_value_on_a_cut_point_belongs_to_the_more_affine_level(value_nm, level):
    assert level_of(value_nm, CUT_POINTS) == level


@pytest.mark.parametrize("value_nm", [0, -1, math.nan])
def test_an_affinity_is_a_positive_number(value_nm):
    with pytest.raises(ValueError, match="positive"):
        level_of(value_nm, CUT_POINTS)


@pytest.mark.parametrize(
    "fields",
    [{"high_nm": 1_000}, {"moderate_nm": 10_000}, {"low_nm": 500}, {"high_nm": 0}, {"hihg_nm": 50}],
)
def test_cut_points_grow_and_have_no_other_name(fields):
    with pytest.raises(ValidationError):
        CutPoints(**fields)


def test_every_level_has_a_class_and_the_bound_of_a_binder_is_moderate():
    assert [TSPO_CLASS_OF_LEVEL[level] for level in LEVELS] == [
        "binder",
        "binder",
        "non_binder",
        "non_binder",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("rows", "level", "ki_nm", "grade"),
    [
        # values: the geometric mean decides
        ("Ki 10 A", "high", 10, "A"),
        ("Ki 10 A, Kd 1000 A", "high", 100, "A"),
        ("Ki 10 A, Kd 1000 A, IC50 100000 A", "moderate", 1_000, "A"),
        ("Ki 21000 A, Ki 37000 A", "none", math.sqrt(21_000 * 37_000), "A"),
        # ... with the weakest grade that was used
        ("Ki 100 A, IC50 100 C", "high", 100, "C"),
        # values outrank words of a better grade
        ("Ki 50 C, not_seen A", "high", 50, "C"),
        # words: the best grade decides
        ("not_seen B", "none", None, "B"),
        ("not_seen B, seen C", "none", None, "B"),
        ("seen B, not_seen C", "moderate", None, "B"),
        # ... and within it the most affine
        ("not_seen B, seen_badly B", "low", None, "B"),
        ("not_seen B, seen_badly B, seen_well B", "high", None, "B"),
        # rows of other grades do not count
        ("Ki 50 D", "unknown", None, "E"),
        ("seen_well D, not_seen C", "none", None, "C"),
        ("Ki 50 D, seen_badly B", "low", None, "B"),
        ("Ki 50 E", "unknown", None, "E"),
        ("", "unknown", None, "E"),
    ],
)
def test_the_rule(rows, level, ki_nm, grade):
    found = classify(evidence(rows), FINDINGS, CUT_POINTS)
    assert (found.level, found.tspo_class, found.evidence_grade) == (level, TSPO_CLASS_OF_LEVEL[level], grade)
    assert found.ki_nm == (None if ki_nm is None else pytest.approx(ki_nm, rel=1e-11))


@pytest.mark.parametrize(
    ("grades", "level"),
    [
        ("A", "moderate"),
        ("B", "none"),
        ("C", "high"),
        ("D", "low"),
        ("E", "unknown"),
        ("AC", "moderate"),
        ("BD", "none"),
        ("CD", "high"),
        ("DB", "none"),
    ],
)
def test_only_rows_of_an_admitted_grade_count(grades, level):
    rows = evidence("Ki 1000 A, not_seen B, seen_well C, seen_badly D")
    assert classify(rows, FINDINGS, CUT_POINTS, tuple(grades)).level == level


@pytest.mark.parametrize("bound", [100.0, 1_000.0, 10_000.0])
@pytest.mark.parametrize("count", range(1, 12))
def test_values_on_a_cut_point_stay_on_it_however_many_agree(bound, count):
    rows = evidence(", ".join([f"Ki {bound} A"] * count))
    assert classify(rows, FINDINGS, CUT_POINTS).level == level_of(bound, CUT_POINTS)


@pytest.mark.parametrize("rows", ["Ki 3 A, Kd 77 B, IC50 9000 C, seen B", "not_seen B, seen B, seen_badly C"])
def test_the_order_of_rows_does_not_matter(rows):
    first = classify(evidence(rows), FINDINGS, CUT_POINTS)
    for permuted in itertools.permutations(evidence(rows)):
        again = classify(permuted, FINDINGS, CUT_POINTS)
        assert (again.level, again.ki_nm, again.evidence_grade) == (
            first.level,
            first.ki_nm,
            first.evidence_grade,
        )


def test_the_range_of_the_values_used_is_kept():
    found = classify(evidence("Ki 214 A, Kd 10 A, IC50 1 D"), FINDINGS, CUT_POINTS)
    assert (found.ki_nm_min, found.ki_nm_max) == (10, 214)


@pytest.mark.parametrize(
    ("rows", "basis"),
    [
        ("Ki 10 A, Kd 214 A", "geometric mean of Ki 10 nM, Kd 214 nM (grade A)"),
        ("IC50 4677 A, seen B", "IC50 4677 nM (grade A)"),
        (
            "seen_well B, seen B, not_seen B, seen_badly B, seen B",
            "not seen, seen, seen badly, seen well (grade B)",
        ),
        ("Ki 10 D", "no evidence of grade A, B, C"),
    ],
)
def test_the_reason_is_told_in_words(rows, basis):
    assert classify(evidence(rows), FINDINGS, CUT_POINTS).basis == basis


def test_the_levels_of_the_drugs_with_evidence():
    """The evidence read so far speaks of ten study drugs; the other 36 are unknown."""
    levels = dict(shipped().filter(pl.col("tspo_level") != "unknown").select("drug", "tspo_level").iter_rows())
    assert levels == {
        "diazepam": "high",
        "flunitrazepam": "high",
        "clonazepam": "low",
        "oxazepam": "none",
        "alprazolam": "low",
        "estazolam": "none",
        "flurazepam": "none",
        "delorazepam": "none",
        "zolpidem": "low",
        "zaleplon": "none",
    }
    assert shipped().height == 46


@pytest.mark.parametrize(
    ("ligand", "level"),
    [("etifoxine", "none"), ("flumazenil", "none"), ("alpidem", "high"), ("ro5_4864", "high")],
)
def test_the_levels_of_the_reference_ligands(ligand, level):
    rows = [row for row in load_affinities() if row.drug == ligand]
    assert classify(rows, load_findings(), CUT_POINTS).level == level


@pytest.mark.parametrize(
    ("bounds", "changed"),
    [
        ((20, 200, 2_000), {"diazepam": "moderate", "zolpidem": "none"}),
        ((300, 3_000, 30_000), {"oxazepam": "low"}),
        ((10, 46, 4_676), {"diazepam": "low", "flunitrazepam": "moderate", "zolpidem": "none"}),
    ],
)
def test_other_cut_points_move_measured_drugs_only(bounds, changed):
    cut_points = CutPoints(high_nm=bounds[0], moderate_nm=bounds[1], low_nm=bounds[2])
    before, after = (
        dict(shipped(cut_points=c).select("drug", "tspo_level").iter_rows()) for c in (CUT_POINTS, cut_points)
    )
    assert {name: after[name] for name in after if after[name] != before[name]} == changed


def test_admitting_inferred_evidence_leaves_only_two_drugs_unknown():
    """Grade D fills gaps for sensitivity runs and changes nothing that was measured."""
    strict, forced = shipped(), shipped(grades=("A", "B", "C", "D"))
    known = strict.filter(pl.col("tspo_level") != "unknown").select("drug", "tspo_level")
    assert forced.select("drug", "tspo_level").join(known, on=["drug", "tspo_level"]).height == known.height
    assert forced.filter(pl.col("tspo_level") == "unknown")["drug"].to_list() == ["tofisopam", "remimazolam"]


@needs_reference
@pytest.mark.parametrize(
    ("column", "grades", "bounds"),
    [
        ("tspo_class", "ABC", (100, 1_000, 10_000)),
        ("tspo_class_forced", "ABCD", (100, 1_000, 10_000)),
        ("class_strict_cut", "ABC", (20, 200, 2_000)),
        ("class_lenient_cut", "ABC", (300, 3_000, 30_000)),
    ],
)
def test_the_rule_gives_the_classes_of_the_reference_table(column, grades, bounds):
    cut_points = CutPoints(high_nm=bounds[0], moderate_nm=bounds[1], low_nm=bounds[2])
    drugs = shipped(cut_points=cut_points, grades=tuple(grades))
    assert dict(drugs.select("drug", "tspo_level").iter_rows()) == reference(column)


@needs_reference
def test_the_evidence_grade_is_that_of_the_reference_table():
    assert dict(shipped().select("drug", "evidence_grade").iter_rows()) == reference("tspo_grade")


@needs_reference
@pytest.mark.parametrize(("column", "theirs"), [("mg_per_dme", "dz_eq_primary_mg"), ("mg_per_ddd", "who_ddd_oral_mg")])
def test_the_dose_scales_are_those_of_the_reference_table(column, theirs):
    expected = {name: float(text) if text else None for name, text in reference(theirs).items()}
    assert dict(shipped().select("drug", column).iter_rows()) == expected


def test_the_table_of_study_drugs_keeps_order_and_types():
    drugs = [drug(drug="b", concept_id=2, ashton_mg=5, ddd_oral_mg=7), drug(drug="a")]
    rows = evidence("Ki 400 A")
    table = study_drugs(drugs, [row.model_copy(update={"drug": "b"}) for row in rows] + rows, FINDINGS, CUT_POINTS)
    assert table.schema == pl.Schema(STUDY_DRUG_SCHEMA)
    assert table.rows() == [
        ("b", 2, "z_drug", "binder", "moderate", 400.0, "A", "short", 5.0, 7.0, None, "ashton"),
        ("a", None, "z_drug", "unknown", "unknown", None, "E", "short", None, None, None, None),
    ]


def test_the_weight_of_a_drug_is_its_affinity_over_that_of_diazepam():
    """Ki 20 nM of diazepam and 400 nM of b: 200 mg of b bind as 10 mg of diazepam do. Words give no weight."""
    rows = [
        *(row.model_copy(update={"drug": "diazepam"}) for row in evidence("Ki 10 A, Ki 40 A")),
        *(row.model_copy(update={"drug": "b"}) for row in evidence("Ki 400 A")),
        *(row.model_copy(update={"drug": "c"}) for row in evidence("seen A")),
    ]
    table = study_drugs([drug(drug=name) for name in ("b", "c", "d", "diazepam")], rows, FINDINGS, CUT_POINTS)
    assert table.select("drug", "mg_per_tspo").rows() == [("b", 200.0), ("c", None), ("d", None), ("diazepam", 10.0)]


def test_without_an_affinity_of_diazepam_no_drug_has_a_weight():
    """Grades that leave diazepam unmeasured take the scale away."""
    rows = [
        *(row.model_copy(update={"drug": "diazepam"}) for row in evidence("Ki 20 D")),
        *(row.model_copy(update={"drug": "b"}) for row in evidence("Ki 400 A")),
    ]
    table = study_drugs([drug(drug="b"), drug(drug="diazepam")], rows, FINDINGS, CUT_POINTS)
    assert table["mg_per_tspo"].to_list() == [None, None]


def test_the_weights_of_the_shipped_drugs():
    """Four study drugs have a measured value; 10 mg of diazepam weigh as much as 4.1 mg of flunitrazepam."""
    weights = dict(shipped().drop_nulls("mg_per_tspo").select("drug", "mg_per_tspo").iter_rows())
    assert sorted(weights) == ["diazepam", "flunitrazepam", "oxazepam", "zolpidem"]
    assert weights["diazepam"] == 10
    assert weights["flunitrazepam"] == pytest.approx(10 * 19 / math.sqrt(10 * 214), rel=1e-11)


@pytest.mark.parametrize(
    ("listed", "asked", "mg", "source"),
    [
        ({"ashton_mg": 1, "inada_mg": 2, "scotland_mg": 4}, "scotland", 4, "scotland"),
        ({"ashton_mg": 1, "inada_mg": 2, "clincalc_mg": 3}, "vadod_2021", 1, "ashton"),
        ({"inada_mg": 2, "clincalc_mg": 3}, "ashton", 2, "inada"),
        ({"clincalc_mg": 3}, "ashton", 3, "clincalc"),
        ({"vadod_2021_mg": 5, "scotland_mg": 4}, "ashton", None, None),
        ({}, "inada", None, None),
    ],
)
def test_a_drug_that_the_table_lacks_falls_back_and_says_so(listed, asked, mg, source):
    table = study_drugs([drug(**listed)], [], FINDINGS, CUT_POINTS, equivalence_table=asked)
    assert table.select("mg_per_dme", "equivalence_source").row(0) == (mg, source)


@pytest.mark.parametrize(
    ("table", "mg", "source"),
    [("site", [3, 1, None], ["site", "ashton", None]), ("ashton", [2, 1, None], ["ashton", "ashton", None])],
)
def test_the_site_s_own_table_counts_where_it_is_asked_for(table, mg, source):
    """It outranks the published ones for the drugs that it lists; others fall back."""
    drugs = [drug(drug="a", ashton_mg=2), drug(drug="b", ashton_mg=1), drug(drug="c")]
    found = study_drugs(drugs, [], FINDINGS, CUT_POINTS, equivalence_table=table, site_equivalents_mg={"a": 3.0})
    assert found["mg_per_dme"].to_list() == mg
    assert found["equivalence_source"].to_list() == source


def test_the_site_s_table_names_study_drugs_only():
    with pytest.raises(UsageError, match="'diazepan', which is no study drug; did you mean 'diazepam'"):
        study_drugs([drug(drug="diazepam")], [], FINDINGS, CUT_POINTS, site_equivalents_mg={"diazepan": 10.0})


def test_an_unknown_equivalence_table_names_the_nearest():
    with pytest.raises(UsageError, match="no equivalence table 'asthon'; did you mean 'ashton'"):
        study_drugs([], [], FINDINGS, CUT_POINTS, equivalence_table="asthon")


def test_no_study_drugs_make_an_empty_table_with_its_columns():
    assert study_drugs([], [], FINDINGS, CUT_POINTS).schema == pl.Schema(STUDY_DRUG_SCHEMA)


def test_the_examples_in_the_docstrings_run():
    result = doctest.testmod(affinity)
    assert (result.attempted, result.failed) == (1, 0)
