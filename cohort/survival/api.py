"""All of survival analysis in one place; each name is explained where it comes from.

Models for those who know lifelines, with polars or pandas frames; and below them the functions that they are made of.

>>> import polars as pl
>>> from cohort.survival.api import CoxModel, aalen_johansen
>>> frame = pl.DataFrame(
...     {
...         "start": [0, 0, 2, 1, 0, 3],
...         "stop": [5, 6, 7, 8, 9, 10],
...         "event": [1, 1, 0, 1, 0, 1],
...         "death": [0, 0, 1, 0, 0, 0],
...         "dose": [2.0, 0.0, 1.0, 1.0, 0.0, 2.0],
...     }
... )
>>> CoxModel().fit(frame.drop("death")).print_summary(decimals=2)
Cox model: 4 events, 6 intervals, efron ties
<BLANKLINE>
covariate       coef  exp(coef)   se(coef)  exp(coef) lower 95%  exp(coef) upper 95%          z          p
dose            0.11       1.11       0.73                 0.27                 4.61       0.15       0.88
<BLANKLINE>
likelihood ratio test 0.02 on 1 df, p = 0.88; log partial likelihood -4.49
>>> curve = aalen_johansen(frame, start="start", stop="stop", causes=("event", "death"))
>>> curve.incidence[-1].round(3).tolist()
[0.833, 0.167]

Out of a large cohort a few controls are drawn for each case, and their courses of treatment weighted by how long ago
they were: `sample_risk_sets`, `conditional_logistic`, `fit_wce`; with bounds of cases drawn again, `redrawn`.

>>> from cohort.survival.api import sample_risk_sets
>>> persons = frame.with_row_index("person_id")
>>> members = sample_risk_sets(persons, controls=9, start="start", stop="stop", columns=["dose"])
>>> members.filter(set=0).select("person_id", "is_case", "time", "at_risk", "dose").rows()
[(0, 1, 5, 6, 2.0), (1, 0, 5, 6, 0.0), (2, 0, 5, 6, 1.0), (3, 0, 5, 6, 1.0), (4, 0, 5, 6, 0.0), (5, 0, 5, 6, 2.0)]
"""

from cohort.survival.baseline import PredictedHazard, baseline_hazard, cumulative_hazard
from cohort.survival.bootstrap import bootstrap_covariance
from cohort.survival.conditional import conditional_logistic
from cohort.survival.counting import risk_sets
from cohort.survival.cox import Contrast, CoxFit, fit_cox
from cohort.survival.fine_gray import fine_gray_sets, fit_fine_gray
from cohort.survival.fine_gray_variance import fine_gray_covariance
from cohort.survival.fitter import CoxModel, FineGrayModel
from cohort.survival.gray import gray_test
from cohort.survival.history import history_covariates
from cohort.survival.incidence import CumulativeIncidence, aalen_johansen, interval
from cohort.survival.inference import (
    Test,
    contrast_covariance,
    heterogeneity_test,
    likelihood_ratio_test,
    linear_hypothesis,
    minimum_detectable_hazard_ratio,
    profile_interval,
    restricted_fits,
    restriction_tests,
    score_test,
    small_sample_bias,
    wald_interval,
    wald_test,
)
from cohort.survival.interaction import additive_interaction
from cohort.survival.pattern_counts import PatternCounts, pattern_counts
from cohort.survival.periods import cut
from cohort.survival.proportional import proportional_hazards_test
from cohort.survival.redrawn import Redrawn, redrawn
from cohort.survival.residuals import residuals, robust_covariance, robust_score_test
from cohort.survival.risk import Band, Difference, confidence_band, risk_difference, time_lost_difference
from cohort.survival.risk_sets import RiskSets
from cohort.survival.sampling import sample_risk_sets, whole_risk_sets
from cohort.survival.spline import Spline, SplineFit, fit_splines
from cohort.survival.wce import WceFit, fit_wce
from cohort.survival.weight_basis import FlatBasis, WeightBasis, wce_basis

__all__ = [
    "Band",
    "Contrast",
    "CoxFit",
    "CoxModel",
    "CumulativeIncidence",
    "Difference",
    "FineGrayModel",
    "FlatBasis",
    "PatternCounts",
    "PredictedHazard",
    "Redrawn",
    "RiskSets",
    "Spline",
    "SplineFit",
    "Test",
    "WceFit",
    "WeightBasis",
    "aalen_johansen",
    "additive_interaction",
    "baseline_hazard",
    "bootstrap_covariance",
    "conditional_logistic",
    "confidence_band",
    "contrast_covariance",
    "cumulative_hazard",
    "cut",
    "fine_gray_covariance",
    "fine_gray_sets",
    "fit_cox",
    "fit_fine_gray",
    "fit_splines",
    "fit_wce",
    "gray_test",
    "heterogeneity_test",
    "history_covariates",
    "interval",
    "likelihood_ratio_test",
    "linear_hypothesis",
    "minimum_detectable_hazard_ratio",
    "pattern_counts",
    "profile_interval",
    "proportional_hazards_test",
    "redrawn",
    "residuals",
    "restricted_fits",
    "restriction_tests",
    "risk_difference",
    "risk_sets",
    "robust_covariance",
    "robust_score_test",
    "sample_risk_sets",
    "score_test",
    "small_sample_bias",
    "time_lost_difference",
    "wald_interval",
    "wald_test",
    "wce_basis",
    "whole_risk_sets",
]
