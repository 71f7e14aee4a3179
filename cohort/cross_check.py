"""lifelines fits a sample of every run, and must agree with our own estimator.

In: prepared person-time. Out: the largest absolute difference between the two sets of coefficients. lifelines'
time-varying fitter is right on point estimates (intervals, Efron ties, strata), and slow: hence the sample.
"""

import warnings

import numpy as np
import polars as pl
from lifelines import CoxTimeVaryingFitter

from cohort.fitting import STRATA
from cohort.inputs import EXPOSURES
from cohort.protocol import Protocol
from cohort.results import Diagnostic
from cohort.survival.arrays import Floats
from cohort.survival.counting import risk_sets
from cohort.survival.cox import fit_cox

NAME = "cross-check with lifelines"


def cross_check(person_time: pl.DataFrame | pl.LazyFrame, protocol: Protocol) -> Diagnostic:
    """Fit the linear model to a sample of persons with both estimators.

    Args:
        person_time: as `fitting.prepared_time` has it.

    Returns:
        A diagnostic whose value is the largest difference of a log hazard ratio; `info` where the sample cannot be
        fitted, and why.
    """
    known = person_time.drop_nulls(list(EXPOSURES))
    sample = sample_of_persons(known, protocol.gates.cross_check_persons, protocol.study.seed)
    persons = f"a sample of {sample.get_column('person_id').n_unique():,} persons"
    columns = [*EXPOSURES, *protocol.model.covariates]
    try:
        sets = risk_sets(sample, columns, STRATA)
        ours = fit_cox(sets, "efron")
        theirs = lifelines_params(sample, ours.columns)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return _unchecked(f"{persons} cannot be fitted: {error}")
    if theirs is None:
        return _unchecked("lifelines did not converge on the sample")
    value = float(np.abs(theirs - ours.params).max())
    allowed = protocol.gates.cross_check_difference
    meaning = (
        f"Largest difference of a log hazard ratio between our estimator and lifelines on {persons}; "
        f"at most {allowed:g} is allowed."
    )
    return Diagnostic(NAME, "primary", "pass" if value <= allowed else "fail", meaning, value=value)


def _unchecked(why: str) -> Diagnostic:
    return Diagnostic(NAME, "primary", "info", f"Not made: {why}.")


def sample_of_persons(person_time: pl.DataFrame | pl.LazyFrame, persons: int, seed: int) -> pl.DataFrame:
    """All intervals of some persons: half of them with the outcome, half others, drawn by the seed."""
    frame = person_time.lazy()
    people = frame.group_by("person_id").agg(pl.col("event").max()).sort("person_id").collect(engine="streaming")
    chosen = [
        group.sample(min(group.height, persons // 2), seed=seed)
        for group in (people.filter(pl.col("event") == 1), people.filter(pl.col("event") == 0))
    ]
    wanted = pl.concat(chosen).select("person_id").lazy()
    return frame.join(wanted, on="person_id", how="semi").sort("person_id", "start_day").collect(engine="streaming")


def lifelines_params(sample: pl.DataFrame, columns: tuple[str, ...]) -> Floats | None:
    """The coefficients of lifelines in our order, or None when it does not converge."""
    needed = ["person_id", "start_day", "stop_day", "event", *columns, *STRATA]
    rows = sample.select(needed).with_columns(
        pl.struct(list(STRATA)).rank("dense").alias("stratum"), *(pl.col(c).cast(pl.Float64) for c in columns)
    )
    fitter = CoxTimeVaryingFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter.fit(
            rows.drop(STRATA).to_pandas(),
            id_col="person_id",
            event_col="event",
            start_col="start_day",
            stop_col="stop_day",
            strata=["stratum"],
            fit_options={"precision": 1e-12},
        )
    params = fitter.params_.reindex(list(columns)).to_numpy(dtype=float)
    return params if np.isfinite(params).all() else None
