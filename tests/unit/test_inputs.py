"""What the SQL is given besides the CDM: numbers of a draw, names of categories, and the small tables of facts."""

import csv
from collections.abc import Sequence

import polars as pl
import pytest

from cohort.inputs import (
    dose_categories,
    dose_category_labels,
    draw_coefficients,
    study_inputs,
    study_parameters,
)
from cohort.paths import config_folder
from cohort.protocol import Protocol
from cohort.protocol_sections import Exposure, Metric

PRIME = 2**31 - 1
FACTS = {
    "dosage_forms.csv": ("word", ["word", "route", "in_scope", "source"]),
    "routes.csv": ("route_concept_id", ["route_concept_id", "route", "in_scope", "source"]),
    "inpatient_visits.csv": ("visit_concept_id", ["visit_concept_id", "visit", "source"]),
    "mass_units.csv": ("unit_concept_id", ["unit_concept_id", "unit", "mg", "source"]),
}
each_file = pytest.mark.parametrize("file", FACTS)


# --- Draws -----------------------------------------------------------------------------------------------------


def test_the_numbers_of_a_draw_follow_from_the_seed_and_the_draw() -> None:
    draws = [draw_coefficients(seed, draw) for seed in (1, 2) for draw in range(1, 101)]
    assert draws[0] == draw_coefficients(1, 1)
    assert len({tuple(draw.values()) for draw in draws}) == 200
    assert draw_coefficients(1, 12) != draw_coefficients(11, 2)


def test_a_draw_has_two_polynomials_of_degree_3_below_the_prime() -> None:
    """In 64-bit integers: (coefficient x number + coefficient) stays below 2^63 for all of them."""
    draw = draw_coefficients(20220301, 1)
    assert list(draw) == [f"{what}_{power}" for what in ("place", "donor") for power in range(4)]
    for draw in (draw_coefficients(20220301, number) for number in range(1, 101)):
        assert all(isinstance(value, int) and 0 < value < PRIME for value in draw.values())


def test_a_protocol_s_parameters_hold_its_own_draw() -> None:
    protocol = Protocol().changed(draw=3, seed=7)
    parameters = study_parameters(protocol)
    assert {name: parameters[name] for name in draw_coefficients(7, 3)} == draw_coefficients(7, 3)


@pytest.mark.parametrize(
    ("order", "sources"),
    [
        (("days_supply",), ["days_supply", "", ""]),
        (("drug_exposure_end_date", "days_supply"), ["drug_exposure_end_date", "days_supply", ""]),
        (
            ("verbatim_end_date", "days_supply", "drug_exposure_end_date"),
            ["verbatim_end_date", "days_supply", "drug_exposure_end_date"],
        ),
    ],
)
def test_the_order_of_sources_of_days_is_given_in_three_places(order: Sequence[str], sources: list[str]) -> None:
    parameters = study_parameters(Protocol().changed(days_supply_order=order))
    assert [parameters[f"days_source_{place}"] for place in (1, 2, 3)] == sources


# --- Categories ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "bounds", "labels"),
    [
        ("dme", (0, 90, 180, 365), ["0", "1-90", "91-180", "181-365", ">365"]),
        ("dme", (0,), ["0", ">0"]),
        ("fills", (0, 3, 6, 12), ["0", "1-3", "4-6", "7-12", ">12"]),
        ("days", (0, 0.5, 1), ["0", ">0-0.5", ">0.5-1", ">1"]),
        ("intensity", (0, 0.5, 1, 2), ["0", ">0-0.5", ">0.5-1", ">1-2", ">2"]),
        ("intensity", (0, 1, 2), ["0", ">0-1", ">1-2", ">2"]),
        ("recency", (0, 1, 31, 91), ["never", "current", "1-30 days ago", "31-90 days ago", ">90 days ago"]),
        ("recency", (0, 1), ["never", "current", ">0 days ago"]),
        ("recency", (0, 90, 180), ["never", "0-89 days ago", "90-179 days ago", ">179 days ago"]),
        ("recency", (0,), ["never", "ever"]),
    ],
)
def test_a_category_is_named_by_what_falls_into_it(metric: Metric, bounds: Sequence[float], labels: list[str]) -> None:
    """Whole numbers where values are sums of days; an intensity may lie between them; recency counts days ago."""
    assert dose_category_labels(Exposure(metric=metric, category_bounds=tuple(bounds))) == labels


def test_categories_are_bounded_in_billionths_and_the_last_is_open() -> None:
    assert dose_categories(Exposure(category_bounds=(0, 0.5, 1e-9 * 3e9))).rows() == [
        ("0", -1, 0),
        (">0-0.5", 0, 500_000_000),
        (">0.5-3", 500_000_000, 3_000_000_000),
        (">3", 3_000_000_000, None),
    ]


# --- Tables of facts -------------------------------------------------------------------------------------------


def rows_of(file: str) -> list[dict[str, str]]:
    with (config_folder() / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@each_file
def test_every_fact_is_complete_and_has_a_source(file: str) -> None:
    _, columns = FACTS[file]
    rows = rows_of(file)
    assert rows
    assert all(list(row) == columns for row in rows)
    assert [row for row in rows if not all(cell and cell == cell.strip() for cell in row.values())] == []


@each_file
def test_no_fact_stands_twice(file: str) -> None:
    key, _ = FACTS[file]
    keys = [row[key] for row in rows_of(file)]
    assert len(set(keys)) == len(keys)
    if key.endswith("_id"):
        assert all(int(value) > 0 for value in keys)


def test_words_and_names_are_lower_case() -> None:
    """A word is looked for in a product's name in lower case: a capital letter would never be found."""
    forms, routes, units = rows_of("dosage_forms.csv"), rows_of("routes.csv"), rows_of("mass_units.csv")
    words = [row[name] for row in forms for name in ("word", "route")] + [row["route"] for row in routes]
    words += [row["unit"] for row in units]
    assert [word for word in words if word != word.lower()] == []


def test_a_route_is_in_scope_or_not_wherever_it_is_named() -> None:
    """A product's name and a record that state the same route agree on what it means."""
    rows = rows_of("dosage_forms.csv") + rows_of("routes.csv")
    assert {row["in_scope"] for row in rows} == {"true", "false"}
    scopes = {(row["route"], row["in_scope"]) for row in rows}
    assert len(scopes) == len({route for route, _ in scopes})
    assert {route for route, in_scope in scopes if in_scope == "false"} == {"injectable", "rectal", "nasal", "buccal"}


def test_no_route_has_a_name_that_means_the_absence_of_one() -> None:
    routes = {row["route"] for file in ("dosage_forms.csv", "routes.csv") for row in rows_of(file)}
    assert routes.isdisjoint({"not stated", "none", ""})


def test_the_units_of_mass_are_what_they_say() -> None:
    assert {row["unit"]: float(row["mg"]) for row in rows_of("mass_units.csv")} == {
        "mg": 1,
        "microgram": 1e-3,
        "gram": 1e3,
    }


def test_the_sql_reads_the_facts_without_their_sources() -> None:
    inputs = study_inputs(Protocol())
    assert {name: inputs[name].columns for name in ("dosage_form", "route", "mass_unit", "inpatient_visit")} == {
        "dosage_form": ["word", "route", "in_scope"],
        "route": ["route_concept_id", "route", "in_scope"],
        "mass_unit": ["unit_concept_id", "unit", "mg"],
        "inpatient_visit": ["visit_concept_id"],
    }
    assert inputs["dosage_form"].schema["in_scope"] == inputs["route"].schema["in_scope"] == pl.Boolean
    assert inputs["mass_unit"].schema["mg"] == pl.Float64
