"""What every model of the study needs: counts of the risk sets, person-time, the words of the protocol, one Cox fit.

In: the tables `risk_pattern`, `risk_change` and person-time, and the protocol. Out: `Setting` and `Fitted`, from which
`cohort.models` makes its rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from cohort.analyses import Analysis
from cohort.counts import DoseOfClass, Known, known_shares
from cohort.inputs import EXPOSURES, age_stratum_labels, dose_category_labels
from cohort.protocol import Protocol
from cohort.results import OVERALL
from cohort.survival.cox import Contrast, CoxFit, fit_cox
from cohort.survival.inference import Test, likelihood_ratio_test, restriction_tests
from cohort.survival.pattern_counts import PatternCounts, pattern_counts
from cohort.survival.risk_sets import RiskSets

STRATA = ("sex", "entry_period")
"""Columns whose combinations have a baseline hazard each."""
CAUSES = ("event", "death")
"""What has hazards of its own: the outcome and death, as the columns of person-time."""
DOSE, DAYS_OF_USE = "dose", "days of use"
"""What stands in the table `accrued`: of each drug the one, of each class the other."""
PATTERN_COLUMNS = (
    "pattern",
    *STRATA,
    "entry_age_stratum",
    "covariates",
    "age_stratum",
    *(f"dose_{e}" for e in EXPOSURES),
    *(f"category_{e}" for e in EXPOSURES),
)
"""What the models read of `risk_pattern`."""
_ALIKE = ("person_id", "age_stratum", *(f"category_{e}" for e in EXPOSURES), *EXPOSURES)
"""What tells a person's time apart where persons, events and person-years are counted."""
_TEXT = pl.Categorical(pl.Categories("tspo", physical=pl.UInt16))
"""Words of few kinds, such as age strata, in two bytes each."""


@dataclass(frozen=True)
class Setting:
    """What every model of an analysis needs.

    Attributes:
        counts: of each of `CAUSES`, as `study_counts` has them.
        person_time: what `prepared_time` returns; a model reads of it what it needs.
        analysis: the protocol, and its name.
        known_dose: exposure -> (dose computed, dose) of the cohort's fills, as `counts.known_doses` has it; an exposure
            that is absent has no `known_dose_share`.
        accrued, dose_rate, covariate: the tables of these names, for the models that read them.
    """

    counts: Mapping[str, PatternCounts]
    person_time: pl.LazyFrame
    analysis: Analysis
    known_dose: Mapping[str, DoseOfClass] = field(default_factory=dict)
    accrued: pl.LazyFrame | None = None
    dose_rate: pl.LazyFrame | None = None
    covariate: pl.LazyFrame | None = None

    @property
    def protocol(self) -> Protocol:
        """The protocol of the analysis."""
        return self.analysis.protocol

    def dose(self, exposure: str) -> pl.Expr:
        """The dose of a class in the protocol's units, as an expression over patterns."""
        return pl.col(f"dose_{exposure}") / self.protocol.exposure.per

    @property
    def has_known_doses(self) -> pl.Expr:
        """Whether a pattern has a known dose of every class."""
        return pl.all_horizontal(pl.col(f"dose_{exposure}").is_not_null() for exposure in EXPOSURES)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """What the numbers behind an estimate are counted from: each person's time, added up where it counts the same.

        person_id (in order: persons are then counted in a tenth of the time), age_stratum, category_*, whether there is
        a dose of each class (tspo_*; 1, 0 or missing), and of these event, death and days.
        """
        has_dose = ((pl.col(e) > 0).cast(pl.Int8) for e in EXPOSURES)
        alike = self.person_time.with_columns(*has_dose).group_by(*_ALIKE)
        return alike.agg(pl.col(*CAUSES, "days").sum()).sort("person_id").collect(engine="streaming")

    @cached_property
    def sample(self) -> "Setting":
        """The same of a random sample of persons, if all have more intervals than `model.most_intervals`; else itself.

        For models that hold every interval of person-time. A sample of persons has the hazard ratios of all of them.
        """
        intervals = self.person_time.select(pl.len()).collect().item()
        share = self.protocol.model.most_intervals / max(intervals, 1)
        if share >= 1:
            return self
        drawn = pl.col("person_id").hash(self.protocol.study.seed) < pl.lit(int(share * 2**64), pl.UInt64)
        return replace(self, person_time=self.person_time.filter(drawn))

    @cached_property
    def known_time(self) -> pl.DataFrame:
        """Of `frame`, the time of known dose; where all is, no copy."""
        has_unknown = any(self.frame.get_column(exposure).null_count() for exposure in EXPOSURES)
        return self.frame.drop_nulls(list(EXPOSURES)) if has_unknown else self.frame

    def intervals(self, *columns: str, where: pl.Expr | None = None) -> pl.DataFrame:
        """Columns of person-time of known dose, read anew: whoever asks for few holds little."""
        known = self.person_time.drop_nulls([f"dose_{exposure}" for exposure in EXPOSURES])
        chosen = known if where is None else known.filter(where)
        return chosen.select(list(dict.fromkeys(columns))).collect(engine="streaming")

    def known(self, strata: Sequence[str] = (OVERALL,)) -> dict[tuple[str, str], Known]:
        """How much of the dose is known, by (age stratum, exposure)."""
        has_categories = ("categories" if OVERALL in strata else "categories by age") in self.analysis.models
        least = self.protocol.disclosure.min_cell_count
        return known_shares(self.frame, self.known_dose, self.categories[0], least, strata, has_categories)

    @property
    def age_strata(self) -> list[str]:
        """Labels of the bands of attained age."""
        return age_stratum_labels(self.protocol.strata.age_bands)

    @property
    def categories(self) -> list[str]:
        """Labels of the dose categories; the first is without a dose."""
        return dose_category_labels(self.protocol.exposure)

    @property
    def no_events(self) -> str:
        """Why there is no estimate where nobody has the outcome."""
        return f"no {self.protocol.outcome.words} events"

    @property
    def per(self) -> str:
        """The term of a linear estimate, such as `per 365`."""
        return f"per {self.protocol.exposure.per:g}"


@dataclass(frozen=True)
class Fitted:
    """A fit, or the reason why there is none."""

    fit: CoxFit | None
    why: str = ""
    sets: RiskSets | None = None

    def reason(self, column: str, in_words: str) -> str:
        """Why a column has no estimate, with the column in words; empty when it has one."""
        return self.why or (self.fit.not_estimable.get(column, "") if self.fit else "").replace(column, in_words)

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        """The weighted sum of coefficients, or None where one of them has no estimate."""
        return self.fit.contrast(weights) if self.fit else None


def columns_needed(protocol: Protocol) -> list[str]:
    """The columns of `person_time` that the models read; `exposure_time` has all but the covariates."""
    doses = [f"dose_{e}" for e in EXPOSURES] + [f"category_{e}" for e in EXPOSURES]
    fixed = ["person_id", "start_day", "stop_day", "age_stratum", "sex", "index_year"]
    return [*fixed, *protocol.outcome.causes.values(), *doses, *protocol.model.covariates]


def prepared_time(person_time: pl.DataFrame | pl.LazyFrame, protocol: Protocol) -> pl.LazyFrame:
    """Person-time ready for the models, of which no more is read at once than is asked for.

    Args:
        person_time: the table `person_time`, or `exposure_time` where nobody asks for covariates.

    Returns:
        The columns of `columns_needed` that there are, text as categories, and: `days` at risk; `entry_period`;
        `tspo_*`, the dose of each class in units of `exposure.per`; on the follow-up scale `start_day` and `stop_day`
        count from entry.
    """
    needed, there = columns_needed(protocol), person_time.lazy().collect_schema()
    frame = person_time.lazy().select(c for c in needed if c in there or c not in protocol.model.covariates)
    text = [name for name, kind in frame.collect_schema().items() if kind == pl.String]
    frame = frame.with_columns(
        pl.col(text).cast(_TEXT),
        # Wide, for sums: six million person-years have more days than 32 bits hold, and a sum keeps the width.
        (pl.col("stop_day") - pl.col("start_day")).cast(pl.Int64).alias("days"),
        (pl.col("index_year") // protocol.strata.period_years * protocol.strata.period_years).alias("entry_period"),
        *((pl.col(f"dose_{e}") / protocol.exposure.per).alias(e) for e in EXPOSURES),
    )
    if protocol.model.time_scale != "age":
        entry = pl.col("start_day").min().over("person_id")
        frame = frame.with_columns(pl.col("start_day") - entry, pl.col("stop_day") - entry)
    return frame


def study_counts(patterns: pl.DataFrame, changes: pl.DataFrame, protocol: Protocol) -> dict[str, PatternCounts]:
    """The counts of each of `CAUSES`, from the tables `risk_pattern` and `risk_change`.

    Args:
        patterns: `PATTERN_COLUMNS` of the one.
        changes: the other.

    Returns:
        Patterns with the strata, age_stratum, dose_* and category_* of each class, and 0 or 1 for each covariate.
    """
    has = {c: pl.col("covariates").str.split(", ").list.contains(c).cast(pl.Int8) for c in protocol.model.covariates}
    described = patterns.select(PATTERN_COLUMNS).with_columns(**has).drop("covariates")
    counts = {}
    for cause in CAUSES:
        own = changes.select("pattern", f"{cause}_day", "change", cause).drop_nulls()
        counts[cause] = pattern_counts(described, own, STRATA, time=f"{cause}_day", events=cause)
    return counts


def fit(
    setting: Setting,
    columns: Mapping[str, pl.Expr],
    keep: pl.Expr | None = None,
    cause: str = "event",
    covariates: Sequence[str] | None = None,
) -> Fitted:
    """One Cox fit of these columns, as expressions over patterns, and covariates: those named, or the protocol's."""
    names = setting.protocol.model.covariates if covariates is None else covariates
    every = {**columns, **{name: pl.col(name) for name in names}}
    if not every:
        return Fitted(None, "nobody has a dose")
    sets = setting.counts[cause].model(every, keep)
    if not sets.n_events:
        return Fitted(None, "no deaths" if cause == "death" else setting.no_events)
    return fit_sets(setting, sets)


def fit_sets(setting: Setting, sets: RiskSets) -> Fitted:
    """One Cox fit to risk sets that are there already."""
    try:
        return Fitted(fit_cox(sets, setting.protocol.model.ties), sets=sets)
    except (ValueError, np.linalg.LinAlgError) as error:
        return Fitted(None, str(error))


def nested_tests(
    setting: Setting, fitted: Fitted, smaller: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> dict[str, Test]:
    """Likelihood-ratio tests of a fit against smaller models, by label; those that cannot be made are left out.

    Args:
        fitted: the larger model.
        smaller: label -> columns of the smaller model, each a weighted sum of the larger one's: see
            `RiskSets.combined`.
    """
    if fitted.fit is None or fitted.sets is None:
        return {}
    if fitted.fit.not_estimable:  # what has no estimate in the larger model may have one in a smaller
        fits = {label: fit_sets(setting, fitted.sets.combined(columns)).fit for label, columns in smaller.items()}
        tests = {label: likelihood_ratio_test(fitted.fit, fit) for label, fit in fits.items() if fit is not None}
    else:
        tests = dict(zip(smaller, restriction_tests(fitted.fit, list(smaller.values())), strict=True))
    return {label: test for label, test in tests.items() if test.degrees_of_freedom > 0}
