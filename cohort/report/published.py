"""The published design that a run follows: what of it the run cannot say, and its ratios beside those of the run.

In: the protocol as run, and a release. Out: paragraphs, and rows of text. The ratios are of other people and stand as
an annotation: nothing of the run is tested against them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.preset import Preset, Published
from cohort.protocol import Protocol
from cohort.report.classes import CLASSES
from cohort.report.comparison import ratio_or_reason
from cohort.report.methods import Paragraph
from cohort.report.numbers import ABSENT, EN_DASH, listed, with_bounds
from cohort.report.release import Release
from cohort.results import OVERALL

POOLED = "Its ratios are of all drugs together; here each TSPO class has a ratio, adjusted for the other classes."
_STATUS = {"read": "as read", "memory": "from memory, unverified"}


@dataclass(frozen=True)
class PublishedRow:
    """A published ratio, and what the run has for the same category: a ratio for each class, or a dash."""

    compared: str
    note: str
    measure: str
    ratio: str
    ours: Sequence[str]


def published_rows(release: Release, protocol: Protocol | None) -> list[PublishedRow]:
    """The published ratios in the order of the preset; none where the protocol follows no published design."""
    return [_row(release, published) for published in protocol.published] if protocol else []


def _row(release: Release, published: Published) -> PublishedRow:
    term, notes = published.term.replace("-", EN_DASH), (published.note, _STATUS[published.status])
    own = release.outcome_of(published.analysis)
    found = release.rows(analysis=published.analysis, age_stratum=OVERALL, term=published.term, outcome=own)
    of_class = {row.exposure: ratio_or_reason(row) for row in found}
    return PublishedRow(
        f"{published.exposure}: {term}, against {published.reference}",
        "; ".join(note for note in notes if note),
        published.measure,
        with_bounds(published.ratio, published.ci_lower, published.ci_upper),
        [of_class.get(exposure, ABSENT) for exposure in CLASSES],
    )


def methods(release: Release, protocol: Protocol) -> list[Paragraph]:
    """What the run follows, what was left to it, and what differs; empty where it follows no published design."""
    if protocol.preset is None:
        return []
    preset = protocol.preset
    told = [
        f"This run follows the design of {preset.study} as far as a protocol can: {preset.citation.rstrip('. ')}.",
        f"What was read of it: {preset.source}.",
        preset.population,
        _left_open(preset),
        _changed(release, preset),
        "It differs from the source.",
        *preset.differs,
        POOLED,
    ]
    return [Paragraph("Published design", " ".join(sentence for sentence in told if sentence))]


def limitations(protocol: Protocol | None) -> list[Paragraph]:
    """That the run is not the study whose design it follows."""
    if protocol is None or protocol.preset is None:
        return []
    preset = protocol.preset
    text = (
        f"This is not a repetition of {preset.study}. {' '.join(preset.differs)} {POOLED} Agreement or disagreement "
        "with the published ratios therefore says little by itself."
    )
    return [Paragraph("Published design", text)]


def _changed(release: Release, preset: Preset) -> str:
    """What the source states and `--set` changed for this run."""
    keys = {str(change).partition("=")[0].strip() for change in release.run.get("changes", [])}
    names = [field for field in preset.why if keys & {field, field.rpartition(".")[2]}]
    return f"Against the source this run changes {listed([_name(field) for field in names])}." if names else ""


def _name(field: str) -> str:
    return field.rpartition(".")[2]


def _left_open(preset: Preset) -> str:
    if not preset.must_set:
        return ""
    return f"What the source leaves open was chosen for this run: {listed(list(map(_name, preset.must_set)))}."
