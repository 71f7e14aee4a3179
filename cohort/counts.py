"""How many persons, events and person-years stand behind an estimate, and how much of their dose is known.

In: prepared person-time, and the dose of the cohort's fills. Out: `Counts`, always persons (not rows), since one person
has many intervals, and `Known`, two shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from cohort.inputs import EXPOSURES, UNKNOWN_DOSE
from cohort.results import CONTRAST, OVERALL
from cohort.survival.inference import minimum_detectable_hazard_ratio

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Counts:
    """Persons, events and person-years at risk, and how many of them are exposed."""

    persons: int
    persons_exposed: int
    events: int
    events_exposed: int
    person_years: float

    def mdrr(self) -> float | None:
        """Minimum detectable hazard ratio at 80 % power, or None where nobody or everybody is exposed."""
        share = self.persons_exposed / self.persons if self.persons else 0.0
        ratio = minimum_detectable_hazard_ratio(self.events, share)
        return ratio if ratio == ratio and ratio != float("inf") else None


CONTRASTED = ("tspo_binder", "tspo_non_binder")
"""The two classes of the contrast."""


@dataclass(frozen=True)
class Known:
    """How much of the dose behind an estimate is known; None where nobody has a dose, or too few to tell.

    Attributes:
        known_time_share: of the exposed person-time, the share in which the dose is known.
        known_dose_share: of the dose of the cohort's fills, the share that was computed.
    """

    known_time_share: float | None = None
    known_dose_share: float | None = None


class KnownDose(NamedTuple):
    """Dose of a class's fills up to exit: `dose` is None where what was not computed cannot be valued."""

    dose_computed: float
    dose: float | None
    persons_computed: int = 0
    persons_missing: int = 0


DoseOfClass = KnownDose | tuple[float, float | None]
"""What is known of a class's dose: in full, or (dose computed, dose) alone."""


def linear_counts(frame: pl.DataFrame, cause: str = "event") -> dict[str, Counts]:
    """Counts of each exposure (dose above zero), and of the contrast (either of its two classes).

    Args:
        frame: columns person_id, days, tspo_* (dose), event, death; no unknown doses.
        cause: `event` or `death`, the column that counts.
    """
    either = pl.max_horizontal("tspo_binder", "tspo_non_binder") > 0
    exposed = {**{e: pl.col(e) > 0 for e in EXPOSURES}, CONTRAST: either}
    return {name: _counts(frame, is_exposed, cause) for name, is_exposed in exposed.items()}


def category_counts(frame: pl.DataFrame, exposure: str) -> dict[str, Counts]:
    """Counts of each dose category of one exposure; `persons_exposed` and `events_exposed` are those in it."""
    total = _counts(frame, pl.lit(False))
    cells = frame.group_by(f"category_{exposure}").agg(
        persons=pl.col("person_id").n_unique(), events=pl.col("event").sum(), days=pl.col("days").sum()
    )
    return {
        label: Counts(total.persons, persons, total.events, int(events), days / DAYS_PER_YEAR)
        for label, persons, events, days in cells.iter_rows()
    }


def nobody(frame: pl.DataFrame) -> Counts:
    """Counts of a category that nobody is in."""
    total = _counts(frame, pl.lit(False))
    return Counts(total.persons, 0, total.events, 0, 0.0)


def known_doses(frame: pl.DataFrame) -> dict[str, KnownDose]:
    """The table `dose_known` by exposure.

    Args:
        frame: tspo_class, dose (null where it cannot be valued), dose_computed, persons_computed, persons_missing; a
            class without fills is absent.
    """
    columns = frame.select("tspo_class", "dose_computed", "dose", "persons_computed", "persons_missing")
    return {f"tspo_{tspo_class}": KnownDose(*values) for tspo_class, *values in columns.iter_rows()}


def known_shares(
    frame: pl.DataFrame,
    known_dose: Mapping[str, DoseOfClass],
    zero: str,
    threshold: int,
    strata: Sequence[str] = (OVERALL,),
    has_categories: bool = False,
) -> dict[tuple[str, str], Known]:
    """How much of the dose is known, by (age stratum, exposure); the contrast is of who has either class.

    Args:
        frame: columns person_id, days, age_stratum, category_*.
        known_dose: exposure -> dose computed, and dose; see `known_doses`.
        zero: the category without a dose.
        threshold: a share that stands on 1 to threshold - 1 persons is not told, where disclosure control has
            no counts of them to go by later.
        strata: labels of age strata, or `overall`.
        has_categories: the analysis counts its dose categories in these strata, so disclosure control knows who has
            an unknown dose.
    """
    of_class = {exposure: [KnownDose(*values)] for exposure, values in known_dose.items()}
    of_class[CONTRAST] = [known for exposure in CONTRASTED for known in of_class.get(exposure, [])]
    of_dose = {exposure: known_dose_share(known, threshold) for exposure, known in of_class.items()}
    of_time = _known_time_shares(frame, zero, 0 if has_categories else threshold, strata)
    return {(s, e): Known(share, of_dose.get(e)) for (s, e), share in of_time.items()}


def known_dose_share(known: Sequence[KnownDose], threshold: int = 0) -> float | None:
    """Of the dose of some classes together, the share that was computed.

    Args:
        known: the classes.
        threshold: the share of a class with 1 to threshold - 1 persons whose fills were computed, or were not, is not
            told, and then not with others either.

    Returns:
        None where it is not told, where there is no dose, and where the missing doses cannot be valued.
    """
    is_few = any(0 < persons < threshold for k in known for persons in (k.persons_computed, k.persons_missing))
    doses = [k.dose for k in known if k.dose is not None]
    if is_few or len(doses) < len(known) or not sum(doses):
        return None
    return sum(k.dose_computed for k in known) / sum(doses)


def _known_time_shares(
    frame: pl.DataFrame, zero: str, threshold: int, strata: Sequence[str]
) -> dict[tuple[str, str], float | None]:
    shares: dict[tuple[str, str], float | None] = {}
    few: set[str] = set()
    for stratum in strata:
        own = frame if stratum == OVERALL else frame.filter(pl.col("age_stratum") == stratum)
        for exposure in (*EXPOSURES, CONTRAST):
            shares[stratum, exposure], is_told = _known_time_share(own, exposure, zero, threshold)
            few |= set() if is_told else {exposure}
    few |= {CONTRAST} if few & {*CONTRASTED} else set()
    # One hidden stratum would follow from the others and from all ages, so all strata are hidden.
    return {key: None if key[1] in few else share for key, share in shares.items()}


def _known_time_share(frame: pl.DataFrame, exposure: str, zero: str, threshold: int) -> tuple[float | None, bool]:
    """The share, and whether enough persons (or none) stand behind its two parts."""
    columns = [pl.col(f"category_{e}") for e in (CONTRASTED if exposure == CONTRAST else (exposure,))]
    exposed = pl.any_horizontal(column != zero for column in columns)
    unknown = pl.any_horizontal(column == UNKNOWN_DOSE for column in columns)
    all_days, unknown_days, *persons = frame.select(
        pl.col("days").filter(exposed).sum().alias("all"),
        pl.col("days").filter(unknown).sum().alias("unknown"),
        pl.col("person_id").filter(unknown).n_unique().alias("without"),
        pl.col("person_id").filter(exposed & ~unknown).n_unique().alias("with"),
    ).row(0)
    share = (all_days - unknown_days) / all_days if all_days else None
    return share, not any(0 < n < threshold for n in persons)


def _counts(frame: pl.DataFrame, is_exposed: pl.Expr, cause: str = "event") -> Counts:
    event = pl.col(cause)
    row = frame.select(
        persons=pl.col("person_id").n_unique(),
        persons_exposed=pl.col("person_id").filter(is_exposed).n_unique(),
        events=event.sum(),
        events_exposed=event.filter(is_exposed).sum(),
        days=pl.col("days").sum(),
    ).row(0, named=True)
    return Counts(
        row["persons"],
        row["persons_exposed"],
        int(row["events"]),
        int(row["events_exposed"]),
        row["days"] / DAYS_PER_YEAR,
    )
