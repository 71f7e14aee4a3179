"""The study's models: each takes the risk sets and the person-time of an analysis, and gives rows of results.

In: person-time, counts of risk sets, and the protocol. Out: estimates, diagnostics, curves and interactions, before
disclosure control. Person-time after a fill of unknown dose leaves the models of dose and is a category of its own in
the others. What is asked for and cannot be estimated has a row that says why.
"""

from collections.abc import Callable, Mapping

from cohort.fitting import STRATA, Setting, columns_needed, prepared_time
from cohort.models.adjustment import adjustment
from cohort.models.age import by_age_at_entry, by_continuous_age
from cohort.models.categories import categories, categories_by_age
from cohort.models.dose_response import dose_response
from cohort.models.drugs import drugs
from cohort.models.linear import linear, linear_by_age
from cohort.models.reversibility import reversibility
from cohort.models.subdistribution import subdistribution
from cohort.models.use_pattern import duration_and_intensity
from cohort.results import PERSON_SAMPLE, Diagnostic, ModelResult

__all__ = ["LARGE", "MODELS", "STRATA", "Setting", "columns_needed", "fit_model", "prepared_time"]

MODELS: Mapping[str, Callable[[Setting], ModelResult]] = {
    "linear": linear,
    "linear by age": linear_by_age,
    "linear by age at entry": by_age_at_entry,
    "linear by continuous age": by_continuous_age,
    "categories": categories,
    "categories by age": categories_by_age,
    "dose-response": dose_response,
    "death": lambda setting: linear(setting, "death"),
    "subdistribution": subdistribution,
    "drugs": drugs,
    "duration and intensity": duration_and_intensity,
    "reversibility": reversibility,
    "adjustment": adjustment,
}
"""The models of an analysis, by the name that `fit_model` takes."""

LARGE = frozenset({"subdistribution", "drugs", "duration and intensity", "reversibility", "adjustment"})
"""Those that need far more memory than others: each interval has arrays of its own, so they use `Setting.sample`."""


def fit_model(name: str, setting: Setting) -> ModelResult:
    """Fit one of `MODELS` to the risk sets of an analysis.

    Returns:
        An estimate for everything asked for; what cannot be estimated has a row that says why. A model of a sample of
        persons has a diagnostic that says so.
    """
    result = MODELS[name](setting)
    if name in LARGE and setting.sample is not setting:
        result.diagnostics.append(_sampled(name, setting))
    return result


def _sampled(name: str, setting: Setting) -> Diagnostic:
    share = setting.sample.frame.get_column("person_id").n_unique() / setting.frame.get_column("person_id").n_unique()
    meaning = (
        f"Share of persons, drawn at random, to whom the model of {name} was fitted: all have more than "
        f"{setting.protocol.model.most_intervals:,} intervals of person-time (model.most_intervals)."
    )
    return Diagnostic(PERSON_SAMPLE, setting.analysis.name, "info", meaning, name, value=share)
