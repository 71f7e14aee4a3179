"""The diagnostics of dose: how much of it is known, what was discarded, and what the missing part could change.

In: tables of the primary analysis, and estimates that have passed disclosure control. Out: rows of `diagnostics`. A
figure that stands on few persons or fills, or that would tell a hidden count, is left out; its verdict stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl

from cohort.analyses import PRIMARY
from cohort.counts import KnownDose, known_dose_share
from cohort.diagnoses import DIED
from cohort.disclosure import SUPPRESSED, TOO_FEW, shown_share
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE, dose_category_labels
from cohort.protocol import Protocol
from cohort.protocol_release import Gates
from cohort.results import BOUND, CONTRAST, IS_PER_UNIT, OVERALL, Diagnostic

_MUCH_DISCARDED = 0.02


def told(diagnostics: Sequence[Diagnostic], estimates: pl.DataFrame) -> list[Diagnostic]:
    """Diagnostics of models, without the figures that would tell what the released estimates do not.

    The number of coefficients is known, so events per parameter are as good as the events of the linear model.
    """
    linear = estimates.filter((pl.col("outcome") != DIED) & (pl.col("age_stratum") == OVERALL) & IS_PER_UNIT)
    uncounted = set(linear.filter(pl.col("events").is_null()).get_column("analysis"))
    suppressed = set(linear.filter(pl.col("status") == SUPPRESSED).select("analysis", "exposure").iter_rows())

    def is_hidden(d: Diagnostic) -> bool:
        if d.diagnostic == "fraction of missing information":
            return (d.analysis, d.exposure) in suppressed
        return d.diagnostic == "events per parameter" and d.analysis in uncounted

    return [replace(d, value=None, meaning=d.meaning + TOO_FEW) if is_hidden(d) else d for d in diagnostics]


def time_known(person_time: pl.DataFrame | pl.LazyFrame, protocol: Protocol) -> Diagnostic:
    """Share of exposed person-time whose dose is known in every class; of what `fitting.prepared_time` returns."""
    name, zero = "dose coverage", dose_category_labels(protocol.exposure)[0]
    exposed = pl.any_horizontal(pl.col(f"category_{e}") != zero for e in EXPOSURES)
    unknown = pl.any_horizontal(pl.col(f"category_{e}") == UNKNOWN_DOSE for e in EXPOSURES)
    found = person_time.lazy().select(
        pl.col("days").filter(exposed).sum(),
        pl.col("days").filter(unknown).sum().alias("unknown"),
        pl.col("person_id").filter(unknown).n_unique(),
    )
    all_days, unknown_days, persons = found.collect(engine="streaming").row(0)
    if not all_days:
        return Diagnostic(name, PRIMARY, "fail", "Nobody at risk was exposed.")
    meaning = "Share of exposed person-time whose dose is known; unknown dose is never taken as zero."
    share = (all_days - unknown_days) / all_days
    return _told(name, _gate(share, protocol.gates), meaning, share, _is_few([persons], protocol))


def dose_computed(known: Mapping[str, KnownDose], protocol: Protocol) -> Diagnostic:
    """Share of the cohort's dose that was computed, all classes together; `known` is `counts.known_doses`."""
    name, classes = "dose computed", list(known.values())
    share = known_dose_share(classes)
    if not any(k.persons_computed + k.persons_missing for k in classes):
        return Diagnostic(name, PRIMARY, "info", "Nobody in the cohort was dispensed a study drug.")
    if share is None:
        return Diagnostic(
            name, PRIMARY, "warn", "Of some drug no dose at all could be computed, so its missing doses have no value."
        )
    meaning = (
        "Share of the cohort's dose that was computed from the fills' own records; the rest was imputed or valued."
    )
    is_few = known_dose_share(classes, protocol.disclosure.min_cell_count) is None
    return _told(name, _gate(share, protocol.gates), meaning, share, is_few)


def dose_discarded(loss: pl.DataFrame, coverage: pl.DataFrame, drugs: pl.DataFrame, protocol: Protocol) -> Diagnostic:
    """Share of the supplied dose that the carry-over cap or a switch discarded.

    Args:
        loss: the table `supply_loss`.
        coverage: the table `dose_coverage`, whose mg are what was supplied.
        drugs: drug and mg_per_dme.
    """
    name = "dose discarded"
    usable = coverage.filter(pl.col("status").is_in(["computed", "imputed"])).join(drugs, on="drug")
    supplied = usable.select((pl.col("mg") / pl.col("mg_per_dme")).sum()).item()
    if not supplied:
        return Diagnostic(name, PRIMARY, "info", "No dose was supplied.")
    share = loss.get_column("dme_discarded").sum() / supplied
    meaning = "Share of the supplied dose (dme) that the carry-over cap or a switch to another drug discarded."
    few = [int(loss.get_column(count).sum()) for count in ("fills_cut", "persons_cut")]
    verdict = "info" if share < _MUCH_DISCARDED else "warn"
    return _told(name, verdict, meaning, share, _is_few(few, protocol))


def missing_dose_bounds(estimates: pl.DataFrame, protocol: Protocol, planned: Collection[str]) -> Diagnostic:
    """How far the bounds for missing doses move the contrast away from the primary analysis.

    Args:
        estimates: as released; what was suppressed has no number.
        protocol: the run's.
        planned: names of the analyses that were run.
    """
    name = "missing dose bounds"
    if not protocol.ledger.missing_dose_bounds:
        return Diagnostic(name, PRIMARY, "info", "No bounds were asked for (ledger.missing_dose_bounds is empty).")
    if not any(analysis.startswith(BOUND) for analysis in planned):
        return Diagnostic(name, PRIMARY, "info", "Every fill's dose could be computed: nothing to bound.")
    values = _contrasts(estimates)
    bounds = [value for analysis, value in values.items() if analysis.startswith(BOUND)]
    if PRIMARY not in values or not bounds:
        return Diagnostic(name, PRIMARY, "info", "The contrast, or every bound of it, is suppressed or not estimable.")
    meaning = (
        "Largest difference of the log hazard ratio of binder and non-binder between the primary analysis and the "
        f"{len(bounds)} bounds that put something else in place of missing doses."
    )
    largest = max(abs(value - values[PRIMARY]) for value in bounds)
    return Diagnostic(name, PRIMARY, "info", meaning, CONTRAST, value=largest)


def _contrasts(estimates: pl.DataFrame) -> dict[str, float]:
    """Analysis -> log hazard ratio of the contrast at all ages, where it is shown."""
    rows = estimates.filter(
        (pl.col("exposure") == CONTRAST)
        & (pl.col("outcome") != DIED)
        & (pl.col("age_stratum") == OVERALL)
        & (pl.col("status") == "ok")
    )
    return dict(rows.select("analysis", "log_hr").iter_rows())


def _gate(share: float, gates: Gates) -> str:
    return "pass" if share >= gates.known_dose_share else "warn" if share >= gates.known_dose_share_fail else "fail"


def _is_few(counts: Sequence[int], protocol: Protocol) -> bool:
    return any(0 < count < protocol.disclosure.min_cell_count for count in counts)


def _told(name: str, verdict: str, meaning: str, share: float, is_few: bool) -> Diagnostic:
    if is_few:
        return Diagnostic(name, PRIMARY, verdict, meaning + TOO_FEW)
    return Diagnostic(name, PRIMARY, verdict, meaning, value=shown_share(share))
