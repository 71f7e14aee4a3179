"""The page: read what was released, draw, word, and write it in one piece.

In: the folder `release/` and, for synthetic data, the truth. Out: `release/report.html` and, beside it, the reporting
standards. The same files give the same bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cohort.analyses import PRIMARY
from cohort.diagnoses import DIED, load_diagnoses
from cohort.files import appearing, appearing_folder
from cohort.report import numbers, published, tables
from cohort.report.baseline import HEADINGS, adjustment_rows, baseline_groups, said_of_adjustment, said_of_balance
from cohort.report.channelling import new_start, said_of_starts, starts_rows
from cohort.report.checks import VERDICTS, checks, tally
from cohort.report.class_checks import check_groups, said_of_permutation
from cohort.report.classes import CLASSES, EXPOSURES, STYLE
from cohort.report.comparison import COMPARED
from cohort.report.conclusions import MARKS, conclusions, summed_up
from cohort.report.coverage import coverage_by_class, coverage_groups, supply_rows
from cohort.report.effects import Effect
from cohort.report.ends import competing_words, ends
from cohort.report.environment import page_environment
from cohort.report.estimator import estimator_parts
from cohort.report.figures import figures
from cohort.report.flow import steps
from cohort.report.incidence import incidence_table
from cohort.report.limitations import known_share, limitations
from cohort.report.methods import field_table, paragraphs
from cohort.report.release import Release, read_release
from cohort.report.reversibility import history_tables, hypothesis_rows, lags, said_of_bootstrap
from cohort.report.specification import specifications, summary
from cohort.report.standards import AUTHORS, Standard, as_markdown, filled_in, standards
from cohort.report.study import Study
from cohort.report.svg import Picture
from cohort.report.text import answer, key_figures
from cohort.report.use_pattern import use_grids
from cohort.results import CONTRAST

_HERE = Path(__file__).parent
PAGE, STANDARDS, FIGURES = "report.html", "reporting_standards.md", "figures"


def build_report(release: Path, truth: Mapping[str, Any] | None = None) -> Path:
    """Write `report.html` from the released files beside it; for a manuscript, its figures and the reporting standards.

    Args:
        release: folder of a run's released files.
        truth: what the simulator wrote beside a synthetic CDM; None for real data.

    Returns:
        The path of the page; each file appears whole or not at all.

    Raises:
        UsageError: estimates or the record of the run are missing, or a file cannot be read.
    """
    study = Study.of(read_release(release), truth)
    filled = standards(study)
    parts = estimator_parts(study.release) | figures(study)
    with appearing_folder(release / FIGURES) as folder:
        for picture in _pictures(parts):
            (folder / f"{picture.name}.svg").write_text(picture.alone(), encoding="utf-8")
    pages = {STANDARDS: as_markdown(study.title, filled), PAGE: _render(study, filled, parts)}
    for name, text in pages.items():  # the page last: with it a release is finished
        with appearing(release / name) as part:
            part.write_text(text, encoding="utf-8")
    return release / PAGE


def _pictures(parts: Mapping[str, Any]) -> list[Picture]:
    """The figures of the page, those of dose-response with the tables that go with them."""
    curves = [parts["curves"], *parts["other_curves"].values()]
    every = [*parts.values(), *(curve.picture for curve in curves if curve)]
    return [part for part in every if isinstance(part, Picture)]


def _render(study: Study, filled: Sequence[Standard], drawn: Mapping[str, Any]) -> str:
    """The page; what the template is given stands in the order of its sections."""
    release = study.release
    return _environment().get_template("report.html.j2").render(
        style=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup((_HERE / "report.js").read_text(encoding="utf-8")),
        looks=list(EXPOSURES.values()),
        class_looks=[EXPOSURES[exposure] for exposure in CLASSES],
        ages_shown=[tables.age_label(age) for age in release.age_strata],
        class_checks=check_groups(release),
        said_of_permutation=said_of_permutation(release),
        use_grids=use_grids(release),
        said_of_specifications=summary(specifications(release)),
        others=study.others,
        time_groups=tables.time_groups(release.person_time),
        criteria=steps(release.attrition),
        not_shown=tables.not_shown(release),
        standards=filled,
        for_authors=AUTHORS,
        **_masthead(study),
        **_answered(study),
        **_hazard_ratios(study),
        **_new_starts_and_histories(study),
        **_doses(study),
        **_people(release),
        **_protocol(study),
        **drawn,
    )  # fmt: skip


def _masthead(study: Study) -> dict[str, Any]:
    """What the page is of."""
    run = study.release.run
    return {
        "release": study.release,
        "terms": study.terms,
        "truth": study.truth,
        "title": study.title,
        "rationale": _rationale(study.release),
        "run": run,
        "finished": numbers.moment(run.get("finished")),
        "cdm": run.get("cdm") or {},
        "cdm_name": study.database or "CDM not named",
        "cdm_persons": _first(run, "person_count", "persons"),
    }


def _answered(study: Study) -> dict[str, Any]:
    """The answer, what it means, whether it is to be believed, and its limits."""
    release, terms = study.release, study.terms
    found, concluded = checks(release), conclusions(release, terms)
    return {
        "answer": answer(release, terms, study.parts, study.truth),
        "key_figures": key_figures(release, terms),
        "conclusions": concluded,
        "summed_up": summed_up(concluded),
        "checks": found,
        "verdicts": tally(found),
        "limitations": [
            *published.limitations(study.protocol),
            *limitations(release, terms, study.parts, study.protocol),
        ],
    }


def _new_starts_and_histories(study: Study) -> dict[str, Any]:
    """Channelling before the diagnosis, and what fades after use."""
    release, protocol = study.release, study.protocol
    return {
        "new_starts": starts_rows(release),
        "said_of_starts": said_of_starts(release),
        "new_start": new_start(protocol.population.washout_days if protocol else None),
        "hypotheses": hypothesis_rows(release),
        "history_tables": history_tables(release),
        "history_lags": lags(release),
        "said_of_bootstrap": said_of_bootstrap(release),
    }


def _doses(study: Study) -> dict[str, Any]:
    """The drugs, how their doses are known, and what those that are not could change."""
    release, parts = study.release, study.parts
    return {
        "drug_classes": tables.drug_classes(release.drugs),
        "parts": parts,
        "shares": {share.drug: _shown(share.dose) for part in parts for share in part.shares},
        "known_share": known_share(release),
        "coverage": coverage_by_class(release.dose_coverage),
        "coverage_groups": coverage_groups(release.dose_coverage),
        "supply": supply_rows(release.supply),
        "compared": [EXPOSURES[e] for e in COMPARED],
        "bounds": study.bounds,
        "said_of_bounds": _said_of(release, "missing dose bounds"),
        "information": _information(release),
    }


def _people(release: Release) -> dict[str, Any]:
    """Table 1, and what adjusting for it changes."""
    return {
        "baseline": baseline_groups(release),
        "baseline_headings": HEADINGS,
        "said_of_balance": said_of_balance(release),
        "adjustment": adjustment_rows(release),
        "said_of_adjustment": said_of_adjustment(release),
    }


def _protocol(study: Study) -> dict[str, Any]:
    """The methods, the protocol's fields, and the published design that it follows."""
    release, protocol = study.release, study.protocol
    return {
        "methods": [*published.methods(release, protocol), *paragraphs(protocol)] if protocol else [],
        "fields": field_table(protocol) if protocol else {},
        "preset": protocol.preset if protocol else None,
        "published": published.published_rows(release, protocol),
    }


def _rationale(release: Release) -> str:
    """Why this outcome is asked about, beside the question of the study; empty where nothing is to be added."""
    known = load_diagnoses().get(release.outcome_of(PRIMARY))
    return known.rationale if known else ""


def _first(run: Mapping[str, Any], *names: str) -> Any:
    """The first of these facts of the CDM that is known."""
    cdm = run.get("cdm") or {}
    return next((cdm[name] for name in names if cdm.get(name)), None)


def _shown(share: float | None) -> str:
    return numbers.SUPPRESSED if share is None else numbers.percent(share)


def _hazard_ratios(study: Study) -> dict[str, Any]:
    """The tables of hazard ratios."""
    release = study.release
    return {
        "by_age": [tables.effect_group(e, study.effects(e)) for e in EXPOSURES],
        "by_dose": [tables.effect_group(e, study.dose_effects(e)) for e in CLASSES if study.dose_effects(e)],
        "by_lag": [tables.effect_group(e, study.lag_effects(e)) for e in EXPOSURES if study.lag_effects(e)],
        "of_death": _one_of_each(release, outcome=DIED),
        "rival": competing_words(release),
        "ends": list(ends(release).values()),
        "incidence_rows": incidence_table(release.curves, ends(release)),
    }


def _said_of(release: Release, diagnostic: str) -> str:
    """What the run says of a diagnostic of the primary analysis; empty where it has none."""
    return next((d.meaning for d in release.diagnostics if d.diagnostic == diagnostic), "")


def _information(release: Release) -> str:
    """The fraction of the information on the contrast that is missing, as text; empty where it is not known."""
    rows = [d for d in release.diagnostics if d.diagnostic == "fraction of missing information"]
    return next((numbers.share(d.value) for d in rows if d.exposure == CONTRAST and d.value is not None), "")


def _one_of_each(release: Release, **wanted: str) -> list[tables.EffectGroup]:
    """Each exposure's linear estimate at all ages."""
    found = {exposure: release.linear(exposure, **wanted) for exposure in EXPOSURES}
    return [tables.effect_group(e, [Effect(EXPOSURES[e].name, row)]) for e, row in found.items() if row]


def _environment() -> jinja2.Environment:
    environment = page_environment(_HERE)
    environment.filters |= _filters()
    environment.globals |= {"verdicts_known": VERDICTS, "conclusion_marks": MARKS}
    return environment


def _filters() -> dict[str, Any]:
    shown: Sequence[Any] = (
        numbers.released_count, numbers.amount, numbers.plain, numbers.count, numbers.percent,
        numbers.humanised, numbers.capital, numbers.years, numbers.recorded, tables.facts, tables.crude_rate,
        tables.age_label, filled_in,
    )  # fmt: skip
    return {function.__name__: function for function in shown}
