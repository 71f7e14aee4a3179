"""Age at entry and continuous age: the same dose, age another way."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from cohort.analyses import Analysis
from cohort.counts import DAYS_PER_YEAR
from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from cohort.results import AGE_AT_ENTRY, CONTINUOUS_AGE, CONTRAST
from cohort.survival.inference import likelihood_ratio_test
from tests.risk_tables import prepare
from tests.unit.models.made import BANDS, PROTOCOL, by, fit, interval, own_fit, person_time, run


def entered(frame: pl.DataFrame) -> pl.DataFrame:
    """Each person's band of age at the first interval, by hand."""
    first = {r["person_id"]: r["age_stratum"] for r in sorted(frame.to_dicts(), key=lambda r: -r["start_day"])}
    return frame.with_columns(band=pl.col("person_id").replace_strict(first))


def test_age_at_entry_is_one_fit_with_a_slope_for_each_band_of_it(frame: pl.DataFrame) -> None:
    split = entered(frame).drop_nulls(EXPOSURES)
    split = split.with_columns((pl.col(e) * (pl.col("band") == b)).alias(f"{e} {b}") for b in BANDS for e in EXPOSURES)
    theirs = own_fit(split, [f"{e} {b}" for b in BANDS for e in EXPOSURES])
    rows = {(r.exposure, r.age_stratum): r for r in run("linear by age at entry", frame).estimates}
    assert {r.model for r in rows.values()} == {AGE_AT_ENTRY}
    for (exposure, band), row in rows.items():
        column = f"{exposure} {band}"
        if exposure == CONTRAST:
            theirs_of = theirs.contrast({f"tspo_binder {band}": 1, f"tspo_non_binder {band}": -1})
        else:
            theirs_of = theirs.contrast({column: 1})
        if theirs_of is None:
            assert row.status.startswith("not estimable: no events")
            continue
        assert row.log_hr == pytest.approx(theirs_of.estimate, rel=1e-8)
        assert row.se_log_hr == pytest.approx(theirs_of.standard_error, rel=1e-8)


def test_counts_by_age_at_entry_are_of_who_entered_then(frame: pl.DataFrame) -> None:
    known = entered(frame).drop_nulls(EXPOSURES)
    for row in by(run("linear by age at entry", frame), exposure="tspo_binder"):
        own = known.filter(pl.col("band") == row.age_stratum)
        assert (row.persons, row.events) == (own["person_id"].n_unique(), own["event"].sum())
        assert row.events_exposed == own.filter(pl.col("tspo_binder") > 0)["event"].sum()


def test_who_grows_older_stays_in_the_band_of_entry() -> None:
    """One person enters at 64 and has dementia at 66: an event of 50 to 64 at entry, of 65 to 74 by attained age."""
    made = person_time(
        [
            interval(1, 23_500, 23_742, (0.0, 0.0, 0.0)),
            interval(1, 23_742, 24_200, (40.0, 0.0, 0.0), event=1),
            *(interval(p, 23_000, 24_000 + 20 * p, (10.0 * p, 0.0, 0.0), event=int(p % 3 == 0)) for p in range(2, 20)),
        ]
    )
    frame = prepare(made, PROTOCOL)
    at_entry = {r.age_stratum: r.events for r in by(run("linear by age at entry", frame), exposure="tspo_binder")}
    attained = {r.age_stratum: r.events for r in by(run("linear by age", frame), exposure="tspo_binder")}
    assert at_entry["50 to 64"] == attained["50 to 64"] + 1
    assert at_entry["65 to 74"] == attained["65 to 74"] - 1


def cut_at_birthdays(frame: pl.DataFrame) -> pl.DataFrame:
    """Every interval in pieces of one year of age, with the age of the year's middle less 75, in tens."""
    rows = []
    for row in frame.to_dicts():
        first, last = int(row["start_day"] // DAYS_PER_YEAR) + 1, int(row["stop_day"] // DAYS_PER_YEAR)
        birthdays = [DAYS_PER_YEAR * k for k in range(first, last + 1)]
        inner = [b for b in birthdays if row["start_day"] < b < row["stop_day"]]
        edges = [float(row["start_day"]), *inner, float(row["stop_day"])]
        for start, stop in pairwise(edges):
            age = math.ceil(stop / DAYS_PER_YEAR) - 0.5
            event = row["event"] if stop == row["stop_day"] else 0
            rows.append(row | {"start_day": start, "stop_day": stop, "event": event, "age": (age - 75) / 10})
    return pl.DataFrame(rows, infer_schema_length=None)


def test_continuous_age_is_the_fit_of_intervals_cut_at_every_birthday(frame: pl.DataFrame) -> None:
    pieces = cut_at_birthdays(frame.drop_nulls(EXPOSURES))
    pieces = pieces.with_columns((pl.col(e) * pl.col("age")).alias(f"{e} x age") for e in EXPOSURES)
    theirs = own_fit(pieces, [*EXPOSURES, *(f"{e} x age" for e in EXPOSURES)])
    result = run("linear by continuous age", frame)
    for exposure in EXPOSURES:
        (slope,) = by(result, exposure=exposure, term="per 365 per 10 years of age")
        (at_80,) = by(result, exposure=exposure, term="per 365 at age 80")
        for row, weights in ((slope, {f"{exposure} x age": 1.0}), (at_80, {exposure: 1.0, f"{exposure} x age": 0.5})):
            wanted = theirs.contrast(weights)
            assert wanted is not None
            assert (row.log_hr, row.se_log_hr) == pytest.approx((wanted.estimate, wanted.standard_error), rel=1e-8)
    (contrast,) = by(result, exposure=CONTRAST, term="per 365 at age 60")
    signs = {"tspo_binder": 1.0, "tspo_non_binder": -1.0, "tspo_binder x age": -1.5, "tspo_non_binder x age": 1.5}
    wanted = theirs.contrast(signs)
    assert wanted is not None
    assert (contrast.log_hr, contrast.se_log_hr) == pytest.approx((wanted.estimate, wanted.standard_error), rel=1e-8)
    assert {row.model for row in result.estimates} == {CONTINUOUS_AGE}
    smaller = own_fit(pieces, EXPOSURES)
    tests = {d.exposure: d for d in result.diagnostics}
    assert tests["all classes"].statistic == pytest.approx(likelihood_ratio_test(theirs, smaller).statistic, rel=1e-8)
    assert [tests[e].df for e in (*EXPOSURES, "all classes", CONTRAST)] == [1, 1, 1, 3, 1]
    (slope,) = by(result, exposure=CONTRAST, term="per 365 per 10 years of age")
    assert tests[CONTRAST].statistic == pytest.approx((slope.log_hr / slope.se_log_hr) ** 2, rel=1e-12)
    assert tests[CONTRAST].p_value == slope.p_value
    others = [*EXPOSURES, "tspo_non_binder x age", "tspo_unknown x age"]
    of_binder = likelihood_ratio_test(theirs, own_fit(pieces, others))
    assert tests["tspo_binder"].statistic == pytest.approx(of_binder.statistic, rel=1e-7)


def test_on_the_follow_up_scale_age_is_no_time_of_the_model(frame: pl.DataFrame) -> None:
    protocol = PROTOCOL.changed(time_scale="follow-up")
    result = fit("linear by continuous age", frame, Analysis("primary", protocol))
    assert {r.status for r in result.estimates} == {
        "not estimable: the time scale is not age, so risk sets are not of one age"
    }
    assert (len(result.estimates), result.diagnostics) == (20, [])


def test_a_planted_change_with_age_is_found() -> None:
    """The dose of binders does harm at 65 and none at 85."""
    draw = np.random.default_rng(8)
    rows = []
    for person in range(3_000):
        start, dose = int(draw.uniform(60, 88) * DAYS_PER_YEAR), float(draw.choice([0, 365]))
        for _ in range(5):
            age = start / DAYS_PER_YEAR
            rate = 0.05 * math.exp((1.2 - 0.06 * (age - 65)) * dose / 365)
            ends = draw.random() < rate
            rows.append(interval(person, start, start + 365, (dose, 0.0, 0.0), event=int(ends)))
            if ends:
                break
            start += 365
    frame = prepare(person_time(rows), Protocol().changed(covariates=()))
    result = fit("linear by continuous age", frame, Analysis("primary", Protocol().changed(covariates=())))
    (slope,) = by(result, exposure="tspo_binder", term="per 365 per 10 years of age")
    assert slope.log_hr == pytest.approx(-0.6, abs=3 * slope.se_log_hr)
    assert slope.p_value < 1e-4
