"""Three hazard ratios side by side where death competes: two specific to a cause, and that of the subdistribution.

In: a release. Out: a row of text for each class and for the contrast; none where no subdistribution was fitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.analyses import PRIMARY
from cohort.diagnoses import DIED
from cohort.report.classes import EXPOSURES
from cohort.report.comparison import ratio_or_reason
from cohort.report.release import Release
from cohort.results import FINE_GRAY, OVERALL


@dataclass(frozen=True)
class ThreeHazards:
    """Of the outcome specific to the cause and of its subdistribution, and of death without it."""

    name: str
    colour: str
    ratios: Sequence[str]


def three_hazards(release: Release) -> list[ThreeHazards]:
    """The primary analysis, all ages together."""
    rows = release.rows(analysis=PRIMARY, model=FINE_GRAY, age_stratum=OVERALL)
    of_share = {row.exposure: row for row in rows}
    if not of_share:
        return []
    return [
        ThreeHazards(look.name, look.colour, [ratio_or_reason(row) for row in found])
        for exposure, look in EXPOSURES.items()
        if any(found := [release.linear(exposure), of_share.get(exposure), release.linear(exposure, outcome=DIED)])
    ]
