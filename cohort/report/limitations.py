"""What a reader must keep in mind, with the figures of this run.

In: a release and its terms. Out: titled paragraphs. The first two decide what the answer can mean: it is
observed, and the class may be little more than one drug.
"""

from collections.abc import Sequence

from cohort.protocol import Protocol
from cohort.report.composition import Composition
from cohort.report.effects import short_reason
from cohort.report.methods import Paragraph
from cohort.report.methods_model import sets
from cohort.report.numbers import SUPPRESSED, capital, listed, percent, to_number
from cohort.report.release import Release
from cohort.report.terms import Terms
from cohort.results import PERSON_SAMPLE

_NEARLY_ALONE = 0.8


def limitations(
    release: Release, terms: Terms, parts: Sequence[Composition], protocol: Protocol | None = None
) -> list[Paragraph]:
    """All limitations, the most serious first."""
    by_class = {part.tspo_class: part for part in parts}
    return [
        Paragraph("Observational", _OBSERVATIONAL.format(outcome=terms.outcome)),
        Paragraph("Class and drug", class_and_drug(by_class["binder"])),
        Paragraph("Affinity", _AFFINITY),
        Paragraph("Unknown affinity", _unknown(release, terms)),
        Paragraph("Lag", _lag(terms)),
        Paragraph("Dose", _dose(release)),
        Paragraph("Outcome", _outcome(terms, protocol)),
        Paragraph("Many estimates, one test", _MULTIPLE),
        Paragraph("Suppression", _suppression(release, protocol)),
        *_sample(release),
    ]


_OBSERVATIONAL = (
    "Drugs are chosen by physicians and patients for reasons that also bear on {outcome}. The adjustment is "
    "for what is recorded at entry; anxiety, sleep and early decline change later and change prescribing. A "
    "hazard ratio here is an association."
)
_AFFINITY = (
    "Nearly all of the binding evidence is from rat tissue, with different radioligands; none of it is from "
    "the people studied. Affinity is not effect, active metabolites may bind otherwise than the drug that "
    "was dispensed, and the common human variant of TSPO (rs6971) is not recorded."
)
_MULTIPLE = (
    "The contrast of binder and non-binder at all ages is the one primary test. Everything else on this "
    "page describes, and its intervals are not widened for their number."
)


def class_and_drug(binder: Composition) -> str:
    """How far the class of binders is one drug, by fills, persons and dose of this run."""
    leader = binder.leader
    if leader is None:
        return "No dose of a TSPO binder was released, so it cannot be said which drugs the class is made of."
    shares = listed(
        [
            f"{binder.part_of(share)} its {what}"
            for what, share in (("fills", leader.fills), ("users", leader.persons), ("dose", leader.dose))
            if share is not None
        ]
    )
    counted = "Users are counted once for each drug." if len(binder.shares) > 1 else ""
    if leader.dose is not None and leader.dose >= _NEARLY_ALONE:
        alone = "alone" if leader.dose == 1 and not binder.suppressed else "almost alone"
        return (
            f"In this run the class of TSPO binders is {leader.drug} {alone}: {shares}. Class and drug "
            f"cannot be separated: a long half-life, the indication or the patients of {leader.drug} would "
            "look just like affinity. In data of the United States this is the rule, since no other binder "
            f"is in common use there. {counted}"
        ).strip()
    return (
        f"The leading drug of the TSPO binders is {leader.drug}, with {shares}. What sets the drugs of a "
        f"class apart besides affinity, such as half-life and indication, is not separated from it. {counted}"
    ).strip()


def _unknown(release: Release, terms: Terms) -> str:
    total, unknown = 0.0, 0.0
    for row in release.drugs:
        dose = to_number(row.get(f"dose_{terms.drug_metric}", "")) or 0.0
        total += dose
        unknown += dose if row.get("tspo_class") == "unknown" else 0.0
    share = f"In this run they carry {percent(unknown / total)} of the released dose. " if total else ""
    return (
        f"Most study drugs have no usable TSPO evidence. {share}They are a class of their own, in every "
        "model; the contrast of binder and non-binder does not rest on them, and says nothing of them."
    )


def _lag(terms: Terms) -> str:
    if not terms.lag_days:
        return (
            f"No dose is left out before a day at risk. Drugs prescribed for the first signs of {terms.outcome} "
            "then count as its cause, and hazard ratios are too high."
        )
    return (
        f"Leaving out the newest {terms.lag} of dose guards against drugs prescribed for the first signs of "
        f"{terms.outcome}, as far as those signs are not older. A longer lag costs events and blurs an effect that "
        "acts fast; so the whole family of lags is shown. The washout leaves out who starts a drug for such "
        "signs just before entry, which makes early time without dose look a little too healthy."
    )


def _outcome(terms: Terms, protocol: Protocol | None) -> str:
    """What a record is worth; where other diagnoses end follow-up, also what telling them apart is worth."""
    treated = protocol is None or protocol.outcome.confirming_drugs is not None
    said = (
        f"{capital(terms.outcome)} is what was coded{' or treated' if treated else ''}. Codes miss cases, miss more of "
        "them in some groups than in others, and come years after the disease begins."
    )
    if protocol is None or not protocol.outcome.competing_sets:
        return said
    return (
        f"{said} Records tell {terms.outcome} from {sets(protocol.outcome.competing_sets, 'or')} less well than from "
        "health, so a case of one may count as the other; and who gets one of these first is no longer looked at."
    )


def _dose(release: Release) -> str:
    known = known_share(release)
    told = f" The dose of {percent(known, 1)} of the fills is computed or imputed from their records." if known else ""
    return (
        "A fill is not a tablet taken, and drugs bought without a record are missing. Tables of dose "
        f"equivalence disagree by a factor of two or three for common drugs.{told}"
    )


def known_share(release: Release) -> float | None:
    """Share of the released fills in scope whose dose is computed or imputed; None without such fills."""
    known, total = 0.0, 0.0
    for row in release.dose_coverage:
        status, fills = row.get("status", ""), to_number(row.get("fills", "")) or 0.0
        if status == "duplicate" or status.startswith("out of scope"):
            continue
        total += fills
        known += fills if status in {"computed", "imputed"} else 0.0
    return known / total if total else None


def _sample(release: Release) -> list[Paragraph]:
    """Which models were fitted to some of the persons; nothing where none was."""
    rows = [d for d in release.diagnostics if d.diagnostic == PERSON_SAMPLE and d.value is not None]
    if not rows:
        return []
    models, share = listed(list(dict.fromkeys(d.exposure for d in rows))), percent(max(d.value or 0.0 for d in rows), 1)
    said = f"There is more person-time than these models can hold: {models}. They were fitted to {share} of the persons"
    return [Paragraph("Sample", f"{said}, drawn at random: without bias, and with wider intervals.")]


def _suppression(release: Release, protocol: Protocol | None) -> str:
    reasons = [short_reason(e) for e in release.estimates if e.status != "ok"]
    hidden, impossible = reasons.count(SUPPRESSED), reasons.count("not estimable")
    to = protocol.disclosure.round_counts_to if protocol else 1
    is_rounded = (
        f" Counts are rounded to multiples of {to}, so parts need not add up to their total, and shares are of rounded "
        "counts."
    )
    return (
        f"Of {len(release.estimates):,} estimates asked for, {hidden:,} are suppressed because few persons "
        f"or events stand behind them or beside them, and {impossible:,} could not be estimated. Each is "
        "listed under “Estimates that could not be shown”. What is suppressed is mostly at high age and in "
        "small classes, so what is shown there is not a random part." + (is_rounded if to > 1 else "")
    )
