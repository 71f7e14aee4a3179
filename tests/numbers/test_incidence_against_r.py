"""Cumulative incidence, its errors, time lost and Gray's test against R's `survival` and `cmprsk`.

All to 1e-10, and better where R prints more digits than that. One convention is left: R reads the error of a mean time
off between two observed times by a straight line, while ours is the error at the time itself.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cohort.survival.gray import gray_test
from cohort.survival.incidence import CumulativeIncidence, Transform, aalen_johansen, interval
from tests.numbers.test_against_r import mgus2, shared_table

GOLD = json.loads((Path(__file__).parent / "incidence.json").read_text())
STATES = ("pcm", "death")
# Two persons have their event at time 0, so all are at risk from before it.
BMT = pl.DataFrame(GOLD["bmt"]["rows"], schema=["dis", "time", "status"], orient="row").with_columns(
    *(((pl.col("status") == k).cast(pl.Int8)).alias(f"c{k}") for k in (1, 2)), start=pl.lit(-1)
)


def curve_of(rows: pl.DataFrame, **options: object) -> CumulativeIncidence:
    return aalen_johansen(rows, start="start", stop="etime", causes=("pcm", "dead"), **options)  # type: ignore[arg-type]


def of_sex(sex: str | None) -> pl.DataFrame:
    return mgus2() if sex is None else mgus2().filter(pl.col("sex") == sex)


@pytest.mark.parametrize(
    ("name", "transform", "sex"),
    [
        ("mgus2_cr_overall", "log", None),
        ("mgus2_cr_by_sex", "log", "F"),
        ("mgus2_cr_by_sex", "log", "M"),
        ("mgus2_cr_by_sex_loglog", "log-log", "F"),
        ("mgus2_cr_by_sex_loglog", "log-log", "M"),
    ],
)
def test_curves_errors_and_bounds_at_every_time(name: str, transform: Transform, sex: str | None) -> None:
    """Monthly time, so nearly every time has ties; a jittering estimator fails here."""
    theirs = shared_table("out_aj_curves.csv").filter(pl.col("curve") == name)
    theirs = theirs if sex is None else theirs.filter(pl.col("strata") == f"sex={sex}")
    ours = curve_of(of_sex(sex))
    for k, state in enumerate(STATES):
        points = theirs.filter(pl.col("state") == state)
        read = ours.at(points["time"].to_numpy().astype(float))
        assert read.incidence[:, k] == pytest.approx(points["pstate"].to_list(), rel=1e-12, abs=1e-15)
        assert read.standard_error[:, k] == pytest.approx(points["std_err"].to_list(), rel=1e-11, abs=1e-15)
        bounds = interval(read.incidence[:, k], read.standard_error[:, k], 0.95, transform)
        for bound, side in zip(bounds, ("lower", "upper"), strict=True):
            shown = points.select(pl.col(side).cast(pl.Float64)).to_series().fill_null(float("nan")).to_numpy()
            inside = ~np.isnan(bound) & ~np.isnan(shown)
            assert inside.sum() > 100
            assert bound[inside] == pytest.approx(shown[inside], rel=1e-10)
    event_free = theirs.filter(pl.col("state") == "(s0)")
    index = np.searchsorted(ours.time, event_free["time"].to_numpy(), side="right") - 1
    shown = event_free["std_err"].to_numpy()
    assert np.where(index < 0, 0, ours.survival_error[index]) == pytest.approx(shown, rel=1e-11, abs=1e-15)


def test_incidence_at_four_times() -> None:
    for row in shared_table("out_aj_mgus2_at_times.csv").iter_rows(named=True):
        read = curve_of(of_sex(row["strata"].removeprefix("sex="))).at(np.array([float(row["time"])]))
        assert read.incidence[0] == pytest.approx([row["pcm"], row["death"]], rel=1e-12)
        assert read.standard_error[0] == pytest.approx([row["se_pcm"], row["se_death"]], rel=1e-11)


def test_mean_time_lost_and_its_error() -> None:
    """R draws a straight line between the errors at the observed times around the horizon of 240 months."""
    theirs = {row["row"]: row for row in shared_table("out_aj_mgus2_rmean240.csv").iter_rows(named=True)}
    for sex in "FM":
        rows = of_sex(sex)
        ours, observed = curve_of(rows, from_time=0.0), np.unique(rows["etime"].to_numpy()).astype(float)
        before, after = observed[observed <= 240][-1], observed[observed >= 240][0]
        errors = [ours.restricted_mean_time_lost(at)[1] for at in (before, after)]
        share = (240 - before) / (after - before) if after > before else 0.0
        lost, error = ours.restricted_mean_time_lost(240.0)
        for k, state in enumerate(STATES):
            wanted = theirs[f"sex={sex}, {state}"]
            assert lost[k] == pytest.approx(wanted["rmean"], rel=1e-12)
            assert errors[0][k] + share * (errors[1][k] - errors[0][k]) == pytest.approx(wanted["se(rmean)"], rel=1e-11)
            assert error[k] == pytest.approx(wanted["se(rmean)"], rel=1e-4)


def test_survival_with_delayed_entry_on_the_age_axis() -> None:
    """Age in months from 60 on. R's start.time keeps an event at that very time, so ours starts just before it."""
    rows = mgus2().filter(pl.col("futime") > 0)
    rows = rows.with_columns(entry=pl.col("age") * 12, exit=pl.col("age") * 12 + pl.col("futime"))
    curves = shared_table("out_km_curves.csv").filter(pl.col("curve") == "mgus2_left_trunc_age_by_sex")
    for sex in ("F", "M"):
        theirs = curves.filter(pl.col("strata") == f"sex={sex}")
        ours = aalen_johansen(rows.filter(pl.col("sex") == sex), 720 - 0.5, "entry", "exit", ("death",))
        index = np.searchsorted(ours.time, theirs["time"].to_numpy(), side="right") - 1
        survival = np.where(index < 0, 1.0, ours.survival[index])
        assert survival == pytest.approx(theirs["surv"].to_list(), rel=1e-10)
        at_risk = dict(zip(ours.time.tolist(), ours.at_risk.tolist(), strict=True))
        events = theirs.filter(pl.col("n_event") > 0)
        assert [at_risk[t] for t in events["time"]] == events["n_risk"].to_list()


@pytest.mark.parametrize("name", ["delayed", "split", "weighted"])
def test_errors_with_delayed_entry_several_intervals_and_weights(name: str) -> None:
    """R's `survfit` with `id`; the script that made the numbers stands beside them."""
    wanted = GOLD[name]
    rows = pl.DataFrame(wanted["rows"], schema=["id", "start", "stop", "state", "weight"], orient="row").with_columns(
        *((pl.col("state") == k).cast(pl.Int8).alias(f"c{k}") for k in (1, 2))
    )
    curve = aalen_johansen(
        rows, start="start", stop="stop", causes=("c1", "c2"), id="id", weights="weight" if name == "weighted" else None
    )
    read = curve.at(np.array(wanted["time"], float))
    for k, state in enumerate(("c1", "c2")):
        assert read.incidence[:, k] == pytest.approx(wanted[state], rel=1e-11)
        assert read.standard_error[:, k] == pytest.approx(wanted[f"se_{state}"], rel=1e-9)


def test_bone_marrow_transplants() -> None:
    ours = aalen_johansen(BMT, start="start", stop="time", causes=("c1", "c2")).at(np.array([6.0, 12, 24, 48]))
    wanted = GOLD["bmt"]
    assert ours.incidence[:, 0] == pytest.approx(wanted["cif_1"], abs=5e-9)
    assert ours.incidence[:, 1] == pytest.approx(wanted["cif_2"], abs=5e-9)
    assert ours.standard_error[:, 0] == pytest.approx(wanted["survfit_se_1"], abs=5e-10)


@pytest.mark.parametrize(("cause", "other"), [("c1", "c2"), ("c2", "c1")])
def test_gray_of_bone_marrow_transplants(cause: str, other: str) -> None:
    test = gray_test(BMT, "dis", cause, (other,), "time")
    statistic, p_value = GOLD["bmt"]["gray_dis"][cause]
    assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(statistic, abs=5e-8), 1)
    assert test.p_value == pytest.approx(p_value, abs=5e-9)


@pytest.mark.parametrize("name", ["sex", "age group", "age group within sex"])
def test_gray_of_mgus2(name: str) -> None:
    """R: cmprsk::cuminc(etime, event, group, strata)$Tests on survival::mgus2, 15 digits; heavy ties, four groups."""
    groups = mgus2().with_columns(group=sum((pl.col("age") > cut).cast(pl.Int8) for cut in (60, 70, 80)))
    group, strata = ("sex", ()) if name == "sex" else ("group", ("sex",) if "within" in name else ())
    for cause, other in (("pcm", "dead"), ("dead", "pcm")):
        statistic, df = GOLD["gray_mgus2"][name][cause]
        test = gray_test(groups, group, cause, (other,), "etime", strata=strata)
        assert (test.statistic, test.degrees_of_freedom) == (pytest.approx(statistic, rel=1e-11), df)


def test_the_closed_form_of_competing_events() -> None:
    """Times 1 to 4 with kinds 1, 2, none, 1: quarters, exactly; one minus Kaplan-Meier would end at 1."""
    toy = pl.DataFrame({"start": [0] * 4, "stop": [1, 2, 3, 4], "event": [1, 0, 0, 1], "death": [0, 1, 0, 0]})
    curve = aalen_johansen(toy, start="start", stop="stop")
    assert curve.time.tolist() == [1, 2, 4]
    assert curve.incidence[:, 0] == pytest.approx([0.25, 0.25, 0.75], rel=1e-15)
    assert curve.incidence[:, 1] == pytest.approx([0, 0.25, 0.25], rel=1e-15)
