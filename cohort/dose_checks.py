"""The diagnostics of dose: how much of it is known, and what was discarded.

In: tables of the primary analysis. Out: rows of `diagnostics`. A figure that stands on few persons or fills is left
out; its verdict stays.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from cohort.analyses import PRIMARY
from cohort.counts import KnownDose, known_dose_share
from cohort.disclosure import TOO_FEW, shown_share
from cohort.inputs import EXPOSURES, UNKNOWN_DOSE, dose_category_labels
from cohort.protocol import Protocol
from cohort.protocol_release import Gates
from cohort.results import Diagnostic

_MUCH_DISCARDED = 0.02


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


def _gate(share: float, gates: Gates) -> str:
    return "pass" if share >= gates.known_dose_share else "warn" if share >= gates.known_dose_share_fail else "fail"


def _is_few(counts: Sequence[int], protocol: Protocol) -> bool:
    return any(0 < count < protocol.disclosure.min_cell_count for count in counts)


def _told(name: str, verdict: str, meaning: str, share: float, is_few: bool) -> Diagnostic:
    if is_few:
        return Diagnostic(name, PRIMARY, verdict, meaning + TOO_FEW)
    return Diagnostic(name, PRIMARY, verdict, meaning, value=shown_share(share))
