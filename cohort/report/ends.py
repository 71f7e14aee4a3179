"""What ends follow-up, as a sentence calls it: the outcome, what competes with it, and death without them.

In: a release. Out: names by what the results call each, in the order of figures and tables.
"""

from cohort.analyses import PRIMARY
from cohort.diagnoses import COMPETING, DIED, load_diagnoses
from cohort.report.release import Release


def ends(release: Release) -> dict[str, str]:
    """The names; a competing diagnosis only where the results tell of it."""
    rows = (*release.curves, *release.risks)
    rival = competing_words(release) if any(row["outcome"] == COMPETING for row in rows) else ""
    return {
        release.outcome_of(PRIMARY): release.outcome,
        **({COMPETING: rival} if rival else {}),
        DIED: "death without either" if rival else f"death without {release.outcome}",
    }


def competing_words(release: Release) -> str:
    """What competes with the primary outcome: the diagnosis's own words, unless the protocol has other sets."""
    own = load_diagnoses().get(release.outcome_of(PRIMARY))
    outcome = (release.run.get("protocol") or {}).get("outcome", {})
    is_own = own is not None and tuple(outcome.get("competing_sets", ())) == own.competing_sets
    return own.competing if own and is_own and own.competing else "a competing diagnosis"
