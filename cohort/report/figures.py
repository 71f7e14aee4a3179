"""Every figure of the page, from the rows of its table.

In: a study. Out: pictures by name; None where the release has nothing to draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cohort.inputs import UNKNOWN_DOSE
from cohort.report.channelling_panels import channelling_picture
from cohort.report.class_checks import drug_groups
from cohort.report.classes import CLASSES, EXPOSURES, Look
from cohort.report.comparison import COMPARED, bound_effects
from cohort.report.composition import composition
from cohort.report.design import design
from cohort.report.effects import Effect
from cohort.report.ends import ends
from cohort.report.flow import flow, steps
from cohort.report.forest import Group, forest
from cohort.report.incidence import incidence, incidence_table, lines
from cohort.report.numbers import EN_DASH, capital, count
from cohort.report.panels import Panel, Point, panels
from cohort.report.release import Release
from cohort.report.reversibility import recency_picture, weight_picture
from cohort.report.specification import specification_curve, specifications
from cohort.report.study import Study
from cohort.report.svg import Picture


def figures(study: Study) -> dict[str, Picture | None]:
    """The figures; None where the release has nothing to draw."""
    release, terms = study.release, study.terms
    names = ends(release)
    curves = lines(release.curves, names)
    criteria = steps(release.attrition)
    return {
        "forest": forest(
            "forest",
            [Group(EXPOSURES[e], study.effects(e)) for e in EXPOSURES],
            terms,
            "Hazard ratios and intervals by class and attained age; the numbers are in the table below.",
        ),
        "dose": _dose_picture(study),
        "lag": _lag_picture(study),
        "channelling": channelling_picture(release),
        "incidence": incidence(curves, names, _said_of_curves(release, names)) if curves else None,
        "flow": flow(criteria) if criteria else None,
        "design_picture": design(study.protocol) if study.protocol else None,
        "composition": composition(study.parts, terms.drug_unit) if release.drugs else None,
        "bounds_picture": _bounds_picture(study),
        "by_drug": _drug_picture(study),
        "recency": recency_picture(release),
        "weight_functions": weight_picture(release),
        "specification": specification_curve(specifications(release), terms.per_dose, terms.ci),
    }


def _dose_picture(study: Study) -> Picture | None:
    drawn = [
        Panel(EXPOSURES[e], [_dose_point(i, effect) for i, effect in enumerate(study.dose_effects(e))])
        for e in CLASSES
        if study.dose_effects(e)
    ]
    title = f"Hazard ratio of {study.terms.outcome} by {study.terms.measured}"
    description = "One panel for each TSPO class; the reference is no dose. The numbers are in the table below."
    return panels("dose", title, description, drawn, capital(study.terms.measure), len(drawn)) if drawn else None


def _bounds_picture(study: Study) -> Picture | None:
    """The bounds for missing doses beside the primary estimate."""
    rows = study.bounds
    if not rows:
        return None
    return forest(
        "bounds",
        [Group(EXPOSURES[e], bound_effects(study.release, rows, e)) for e in COMPARED],
        study.terms,
        "Hazard ratios with something else in place of each missing dose; the numbers are in the table below.",
    )


def _drug_picture(study: Study) -> Picture | None:
    """Each drug's hazard ratio, the classes one after the other."""
    groups = drug_groups(study.release)
    said = "Hazard ratios and intervals of each drug, by class; drugs that few were exposed to have no numbers."
    return forest("by-drug", groups, study.terms, said) if groups else None


def _lag_picture(study: Study) -> Picture | None:
    """Every lag at an even distance from the next, so that the numbers under the curves have room."""
    effects = {exposure: study.lag_effects(exposure) for exposure in EXPOSURES}
    family = sorted({e.estimate.lag_days for found in effects.values() for e in found if e.estimate})
    events = f"{capital(study.terms.outcome)} events"
    drawn = [_lag_panel(EXPOSURES[exposure], found, family, events) for exposure, found in effects.items()]
    title = f"Hazard ratio of {study.terms.outcome} {study.terms.per_dose} by lag"
    description = "One panel for each TSPO class and one for their ratio. The numbers are in the table below."
    primary_at = family.index(study.terms.lag_days) if study.terms.lag_days in family else None
    return panels("lag", title, description, drawn, "Lag, years", 2, primary_at) if family else None


def _lag_panel(look: Look, effects: Sequence[Effect], family: Sequence[int], events: str) -> Panel:
    """The curve of one class or of the contrast, with the events, so called, and persons behind each of its points."""
    known = [(e.estimate, e) for e in effects if e.estimate]
    points = [Point(family.index(row.lag_days), replace(e, label=f"{row.lag_days / 365:.3g}")) for row, e in known]
    numbers = {
        events: [_under_a_point(row.events) for row, _ in known],
        "Events of the exposed": [_under_a_point(row.events_exposed) for row, _ in known],
        "Persons exposed": [_under_a_point(row.persons_exposed) for row, _ in known],
    }
    return Panel(look, points, numbers)


def _under_a_point(released: int | None) -> str:
    """A count where there is little room."""
    return "hidden" if released is None else count(released)


def _dose_point(place: int, effect: Effect) -> Point:
    """A category's point; a long label is broken, and unknown dose stands apart from the known ones."""
    label = effect.label.removesuffix(" days ago")
    if len(label) > 5:
        label = label.replace(EN_DASH, f"{EN_DASH}\n").replace(" ", "\n")
    return Point(place + 0.45 * (effect.label == UNKNOWN_DOSE), replace(effect, label=label))


def _said_of_curves(release: Release, names: Mapping[str, str]) -> str:
    said = {group: rows[-1] for group, rows in incidence_table(release.curves, names).items() if rows}
    shares = {g: ", ".join(map(" ".join, zip(names.values(), row.shares, strict=True))) for g, row in said.items()}
    return " ".join(f"{g}: at age {row.age}, {shares[g]}." for g, row in said.items())
