"""What a world planted, for each released estimate: its true value, and whether the analysis is specified to find it.

In: the simulator's truth file and the protocol of an analysis. Out: a log hazard ratio or None, and a yes or no.
"""

import math
from collections.abc import Mapping
from typing import Any

from cohort.protocol import Protocol
from cohort.report.truth import Truth, read_truth


class Planted:
    """The truth of one world.

    `is_null` says that no class acts; then every analysis that is not confounded finds a ratio of one, in any unit and
    by dose category too.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        p = content["parameters"]
        values = [value for bands in content["log_hazard_ratio"].values() for value in bands.values()]
        self.is_null = bool(values) and not any(values)
        self._content = content
        self._exact: Mapping[str, Any] | None = content["exact_analysis"] if values else None
        self._has_prodrome = p["prodrome_start_ratio"] != 1 or bool(p["prodrome_class_ratios"])
        self._is_confounded = p["confounding_strength"] > 0
        self._equivalence_table = p["equivalence_table"]

    def log_hazard_ratio(self, row: Mapping[str, Any], per: float) -> float | None:
        """The true value of a row of `estimates`, None where no number is its truth.

        Args:
            row: with exposure, age_stratum, metric and term.
            per: how many dose units a linear estimate is per.
        """
        is_linear = row["term"].startswith("per ")
        metric = row["metric"] if is_linear and not self.is_null else self._content["dose_unit"]
        truth = read_truth(self._content, metric, per)
        ratio = _ratio(truth, row["exposure"], row["age_stratum"])
        return None if ratio is None or not (is_linear or self.is_null) else math.log(ratio)

    def is_specified(self, protocol: Protocol) -> bool:
        """Whether this analysis is specified to find the truth.

        It is where the effect acts on the dose that it has, at the lag that it has, and what confounds is adjusted
        for. Without an effect every lag is right that is not shorter than the prodrome in which drugs are started.
        """
        if self._exact is None or protocol.model.time_scale != "age" or not self._is_adjusted(protocol):
            return False
        lag, right = protocol.exposure.lag_days, self._exact["lag_days"]
        if self.is_null:
            return not self._has_prodrome or lag >= right
        return lag == right and self._is_same_dose(protocol)

    def _is_adjusted(self, protocol: Protocol) -> bool:
        wanted = self._exact["adjusted_for"] if self._exact else ()
        return not self._is_confounded or set(wanted) <= set(protocol.model.covariates)

    def _is_same_dose(self, protocol: Protocol) -> bool:
        found = protocol.exposure
        same = (found.metric, found.equivalence_table) == (self._content["dose_unit"], self._equivalence_table)
        return same and found.window_days is None


def _ratio(truth: Truth | None, exposure: str, age_stratum: str) -> float | None:
    return truth.hazard_ratio(exposure, age_stratum) if truth else None
