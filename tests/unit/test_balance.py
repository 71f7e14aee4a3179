"""Table 1: standardised differences against numbers of others, and counts that tell nothing small."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines.datasets import load_rossi
from scipy.optimize import linprog

from cohort.balance import BALANCE_SCHEMA, GROUPS, USERS, Spread, balance_table, standardised_difference

BANDS = ("50 to 64", "65 to 74")


def baseline(sizes, **counts):
    """A table of baseline; counts as covariate__level={group: persons}."""
    rows = [(g, "persons", "", n, n * 24_000, n * 24_000**2 + n * 10_000) for g, n in sizes.items() if n]
    rows += [(g, "sex", "Female", n, None, None) for g, n in sizes.items() if n]
    for name, of_group in counts.items():
        characteristic, level = name.split("__")
        rows += [(g, characteristic, level.replace("_", " "), n, None, None) for g, n in of_group.items() if n]
    columns = ["first_class", "characteristic", "level", "persons", "days", "squared_days"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def row_of(table, characteristic, level=""):
    (row,) = table.filter((pl.col("characteristic") == characteristic) & (pl.col("level") == level)).to_dicts()
    return row


SIZES = {"binder": 200, "non_binder": 100, "unknown": 50, "several": 20, "none": 640}
DEPRESSION = {"binder": 60, "non_binder": 40, "unknown": 20, "several": 12, "none": 64}
LATELY = {"binder": 30, "non_binder": 20, "unknown": 10, "several": 0, "none": 32}
LARGE = baseline(SIZES, depression__ever=DEPRESSION, depression__last_year=LATELY)


def test_the_difference_of_a_number_is_that_of_r() -> None:
    """Rossi's recidivism data: age by financial aid, 0.12277 in R (mean difference over the mean of the variances)."""
    rossi = load_rossi()
    aided, others = (rossi[rossi.fin == fin].age for fin in (1, 0))
    one, other = (Spread.of_sums(len(x), float(x.sum()), float((x**2).sum())) for x in (aided, others))
    assert abs(standardised_difference(one, other)) == pytest.approx(0.12277, abs=5e-6)
    assert one.sd == pytest.approx(aided.std(), rel=1e-12)


def test_the_difference_of_a_share_is_that_of_the_closed_form() -> None:
    """.3 against .4: -.1 / sqrt((.21 + .24) / 2), by hand."""
    found = standardised_difference(Spread.of_share(200, 60), Spread.of_share(100, 40))
    assert found == pytest.approx(-0.1 / math.sqrt(0.225), rel=1e-12)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((10, 0), (20, 0), 0.0), ((10, 10), (20, 20), 0.0), ((10, 10), (20, 0), None), ((0, 0), (20, 3), None)],
    ids=["nobody has it", "everybody has it", "everybody against nobody", "an empty group"],
)
def test_a_difference_without_any_spread_is_none_or_nothing(one, other, expected) -> None:
    assert standardised_difference(Spread.of_share(*one), Spread.of_share(*other)) == expected


def test_a_row_has_counts_percentages_and_both_differences() -> None:
    row = row_of(balance_table(LARGE, BANDS, 5), "depression", "ever")
    assert [row[f"persons_{g}"] for g in GROUPS] == [60, 40, 20, 12, 64]
    assert [row[f"percent_{g}"] for g in GROUPS] == [30.0, 40.0, 40.0, 60.0, 10.0]
    assert row["smd_binder_non_binder"] == round(-0.1 / math.sqrt(0.225), 3)
    p = 132 / 370
    assert row["smd_users_non_users"] == round((p - 0.1) / math.sqrt((p * (1 - p) + 0.09) / 2), 3)
    assert row["heading"] == "Psychiatric and sleep disorders"
    assert row["status"] == "ok"


def test_age_has_means_and_deviations_in_years() -> None:
    """All have 24,000 days but for a hundred more or less: a variance of n * 10,000 / (n - 1) days."""
    row = row_of(balance_table(LARGE, BANDS, 5), "age at entry", "years")
    assert row["mean_binder"] == round(24_000 / 365.25, 1)
    assert row["sd_binder"] == round(math.sqrt(200 * 10_000 / 199) / 365.25, 1)
    assert row["smd_binder_non_binder"] == 0.0
    assert row["persons_none"] == 640


def test_every_characteristic_has_its_rows_in_one_order() -> None:
    table = balance_table(LARGE, BANDS, 5)
    assert dict(table.schema) == BALANCE_SCHEMA
    first = ["persons", "age at entry", "age at entry", "age at entry", "sex"]
    assert table.get_column("characteristic").to_list()[:5] == first
    assert table.filter(pl.col("characteristic") == "statins").get_column("level").to_list() == ["ever", "last year"]


def test_a_small_count_is_hidden_with_what_would_tell_it() -> None:
    """3 of 4 users with a covariate follow from the other groups and the users, so one more is hidden."""
    few = {"binder": 3, "non_binder": 40, "unknown": 20, "several": 12, "none": 64}
    table = balance_table(baseline(SIZES, depression__ever=few), BANDS, 5)
    row = row_of(table, "depression", "ever")
    assert row["persons_binder"] is None
    assert row["percent_binder"] is None
    assert row["smd_binder_non_binder"] is None
    assert row["status"] == "suppressed"
    if row["smd_users_non_users"] is not None:  # the users' count follows from it
        assert sum(row[f"persons_{g}"] is None for g in USERS) >= 2


def test_who_had_it_only_before_the_last_year_is_not_told_by_subtraction() -> None:
    """60 ever and 58 in the last year would tell 2 persons; and 198 of 200 would tell 2 who never had it."""
    lately = LATELY | {"binder": 58}
    row = row_of(
        balance_table(baseline(SIZES, depression__ever=DEPRESSION, depression__last_year=lately), BANDS, 5),
        "depression",
        "last year",
    )
    assert row["persons_binder"] is None
    nearly = DEPRESSION | {"binder": 198}
    row = row_of(balance_table(baseline(SIZES, depression__ever=nearly), BANDS, 5), "depression", "ever")
    assert row["persons_binder"] is None


def test_a_group_of_few_persons_has_no_mean_and_the_others_do_not_tell_its_size() -> None:
    table = balance_table(baseline(SIZES | {"several": 3}, depression__ever=DEPRESSION | {"several": 2}), BANDS, 5)
    persons, age = row_of(table, "persons"), row_of(table, "age at entry", "years")
    gone = [g for g in GROUPS if persons[f"persons_{g}"] is None]
    assert "several" in gone
    assert len(gone) >= 2
    for g in gone:
        assert age[f"mean_{g}"] is None
        assert age[f"sd_{g}"] is None
        assert all(row[f"percent_{g}"] is None for row in table.to_dicts())
    assert age["smd_users_non_users"] is None


@pytest.mark.parametrize("small", [1, 2, 3, 4])
@pytest.mark.parametrize("group", GROUPS)
def test_no_small_count_can_be_had_by_subtraction(group, small) -> None:
    """What a reader knows: shown counts, counts behind percentages, and the users' behind their difference."""
    counts = DEPRESSION | {group: small}
    table = balance_table(baseline(SIZES, depression__ever=counts), BANDS, 5)
    row = row_of(table, "depression", "ever")
    assert row[f"persons_{group}"] is None
    assert row[f"percent_{group}"] is None
    hidden_users = [g for g in USERS if row[f"persons_{g}"] is None]
    if group in USERS and row["smd_users_non_users"] is not None:
        assert len(hidden_users) >= 2
        assert sum(counts[g] for g in hidden_users) >= 5
    if group == "none":
        assert row["smd_users_non_users"] is None


@pytest.mark.parametrize("later", [1, 4])
def test_who_took_the_one_drug_of_a_class_later_is_not_told_by_the_table_of_drugs(later) -> None:
    """200 began with the binder, and the table of drugs tells 203 users of diazepam, the only one: 3 took it later."""
    table = balance_table(LARGE, BANDS, 5, {"binder": 200 + later, "non_binder": 180, "unknown": 80})
    row = row_of(table, "persons")
    assert row["persons_binder"] is None
    assert sum(row[f"persons_{g}"] is None for g in GROUPS) >= 2
    sexes = row_of(table, "sex", "Female")
    assert sexes["persons_binder"] is None


@pytest.mark.parametrize("later", [0, 5, 60])
def test_who_took_it_later_may_be_told_where_they_are_nobody_or_many(later) -> None:
    table = balance_table(LARGE, BANDS, 5, {"binder": 200 + later})
    assert table.equals(balance_table(LARGE, BANDS, 5))


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    st.lists(st.sampled_from([0, 1, 3, 5, 9, 40]), min_size=5, max_size=5),
    st.lists(st.sampled_from([0, 1, 2, 4, 5, 30]), min_size=3, max_size=3),
)
def test_no_small_number_of_later_users_follows_from_drawn_sizes(sizes, later) -> None:
    """By linear programming from shown sizes, the number of all persons, and the users of each class's one drug."""
    size = dict(zip(GROUPS, sizes, strict=True))
    assume(sum(sizes) >= 5)
    uses = {g: size[g] + n for g, n in zip(GROUPS, later, strict=False)}
    told = {g: n for g, n in uses.items() if not 0 < n < 5}
    table = balance_table(baseline(size), BANDS, 5, uses)
    shown = row_of(table, "persons")
    equal, values = [np.ones(len(GROUPS))], [float(sum(sizes))]
    for place, g in enumerate(GROUPS):
        if shown[f"persons_{g}"] is not None:
            equal.append(np.eye(len(GROUPS))[place])
            values.append(float(shown[f"persons_{g}"]))
    for place, g in enumerate(GROUPS[:3]):
        if g in told and 0 < uses[g] - size[g] < 5:
            cost, most = np.eye(len(GROUPS))[place], [(0, told.get(other)) for other in GROUPS]
            least, largest = (
                sign * linprog(sign * cost, A_eq=np.array(equal), b_eq=values, bounds=most).fun for sign in (1, -1)
            )
            assert largest - least > 0.5, g


def test_without_a_threshold_nothing_is_hidden() -> None:
    table = balance_table(baseline(SIZES, depression__ever=DEPRESSION | {"binder": 1}), BANDS, 0)
    assert set(table.get_column("status")) == {"ok"}
    assert row_of(table, "depression", "ever")["persons_binder"] == 1


def test_an_empty_cohort_has_all_rows_and_no_percentages() -> None:
    table = balance_table(baseline({}), BANDS, 5)
    assert row_of(table, "depression", "ever")["persons_none"] == 0
    assert row_of(table, "age at entry", "years")["mean_none"] is None


LEVELS = ("all", "ever", "last year")


def bounds_of(table, told):
    """The least and the most that a reader finds possible for a weighted sum of counts, by linear programming.

    Known: shown counts, the number of all persons, and the users' counts where their difference is shown; who had
    something in the last year had it ever, and nobody is counted in a group without being in it.
    """
    place = {(g, level): i for i, (g, level) in enumerate((g, level) for g in GROUPS for level in LEVELS)}
    rows = {level: row_of(table, "depression", level) for level in LEVELS[1:]} | {"all": row_of(table, "persons")}
    equal, values = [np.array([float(level == "all") for _, level in place])], [float(told["everybody"])]
    for (g, level), i in place.items():
        if (shown := rows[level][f"persons_{g}"]) is not None:
            equal.append(np.eye(len(place))[i])
            values.append(float(shown))
    for level in LEVELS[1:]:
        if rows[level]["smd_users_non_users"] is not None:
            equal.append(np.array([float(of == level and g in USERS) for g, of in place]))
            values.append(float(told["users", level]))
    order = [((g, inner), (g, outer)) for g in GROUPS for inner, outer in (("last year", "ever"), ("ever", "all"))]
    above = np.array([np.eye(len(place))[place[a]] - np.eye(len(place))[place[b]] for a, b in order])

    def found(*weights):
        cost = sum(w * np.eye(len(place))[place[key]] for w, key in weights)
        given = {"A_eq": np.array(equal), "b_eq": values, "A_ub": above, "b_ub": np.zeros(len(order))}
        return [sign * linprog(sign * cost, **given).fun for sign in (1, -1)]

    return found


@settings(max_examples=25, derandomize=True, deadline=None, database=None)
@given(
    st.lists(st.sampled_from([0, 1, 3, 5, 6, 9, 40]), min_size=5, max_size=5),
    st.lists(st.sampled_from([0, 1, 2, 4, 5, 7]), min_size=5, max_size=5),
    st.lists(st.sampled_from([0, 1, 3, 5, 8, 60]), min_size=5, max_size=5),
)
def test_nothing_small_follows_from_drawn_tables(lately, before, never) -> None:
    """No count of 1 to 4 is pinned down: of a group, with a record, without one, with an old one only."""
    year = dict(zip(GROUPS, lately, strict=True))
    ever = {g: year[g] + n for g, n in zip(GROUPS, before, strict=True)}
    size = {g: ever[g] + n for g, n in zip(GROUPS, never, strict=True)}
    assume(sum(size.values()) >= 5)  # else the number of all persons is not told either
    table = balance_table(baseline(size, depression__ever=ever, depression__last_year=year), BANDS, 5)
    users = {("users", level): sum(of[g] for g in USERS) for level, of in (("ever", ever), ("last year", year))}
    found = bounds_of(table, {"everybody": sum(size.values()), **users})
    for g in GROUPS:
        for true, weights in (
            (size[g], [(1, (g, "all"))]),
            (ever[g], [(1, (g, "ever"))]),
            (year[g], [(1, (g, "last year"))]),
            (size[g] - ever[g], [(1, (g, "all")), (-1, (g, "ever"))]),
            (ever[g] - year[g], [(1, (g, "ever")), (-1, (g, "last year"))]),
        ):
            if 0 < true < 5:
                least, most = found(*weights)
                assert most - least > 0.5, (g, weights)
