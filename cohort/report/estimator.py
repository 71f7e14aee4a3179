"""What the estimator tells beside the main tables, ready for the page.

In: a release. Out: the template's names for dose-response curves, age three ways, absolute risks and three hazards;
each is empty where the release lacks it.
"""

from collections.abc import Mapping
from typing import Any

from cohort.analyses import PRIMARY
from cohort.report.ages import additive_groups, age_ways, said_of_rates
from cohort.report.dose_response import DoseResponse, dose_response
from cohort.report.hazards import three_hazards
from cohort.report.release import Release
from cohort.report.risk_tables import risk_tables

MOST_CURVES = 12
"""So many analyses beside the primary one have their curves drawn: each takes a second, and 70 kB of the page."""


def estimator_parts(release: Release) -> dict[str, Any]:
    """The parts by name."""
    return {
        "curves": dose_response(release),
        "other_curves": _other_curves(release),
        "curves_left": max(len(_with_curves(release)) - MOST_CURVES, 0),
        "age_ways": age_ways(release),
        "additive": additive_groups(release),
        "said_of_rates": said_of_rates(release),
        "risks": risk_tables(release),
        "hazards": three_hazards(release),
    }


def _other_curves(release: Release) -> Mapping[str, DoseResponse | None]:
    """The curves of the analyses that are named in the protocol, by name, as many as are drawn."""
    named = _with_curves(release)[:MOST_CURVES]
    return {name: dose_response(release, name, f"curve-{i}") for i, name in enumerate(named, 1)}


def _with_curves(release: Release) -> list[str]:
    """The analyses beside the primary one that have curves."""
    names = dict.fromkeys(row["analysis"] for row in release.dose_response)
    return [name for name in names if name != PRIMARY]
