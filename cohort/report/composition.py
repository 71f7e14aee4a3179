"""What each TSPO class is made of: which drugs carry its dose.

In: rows of `drugs.csv`. Out: shares by drug, the drug that leads each class, and a picture. What was
suppressed has no share; it is counted in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.patches import Rectangle

from cohort.report.classes import EXPOSURES, exposure_of
from cohort.report.numbers import percent, to_number
from cohort.report.release import Row
from cohort.report.svg import INKS, SMALL, Picture, Sheet, picture

TSPO_CLASSES = ("binder", "non_binder", "unknown")
_BAR, _STEP = 34, 76


@dataclass(frozen=True)
class Share:
    """A drug's shares of what was released of its class; None where it is suppressed."""

    drug: str
    fills: float | None
    persons: float | None
    dose: float | None


@dataclass(frozen=True)
class Composition:
    """The drugs of a class that were dispensed, the greatest dose first."""

    tspo_class: str
    shares: Sequence[Share]
    suppressed: int

    @property
    def leader(self) -> Share | None:
        """The drug with the greatest share of the dose."""
        return self.shares[0] if self.shares and self.shares[0].dose is not None else None

    def part_of(self, share: float | None) -> str:
        """A share as words before a noun: `97% of`, `all of`, `nearly all of` where some drug is suppressed."""
        if share == 1:
            return "nearly all of" if self.suppressed else "all of"
        return f"{percent(share)} of"


def compositions(drugs: Sequence[Row], metric: str) -> list[Composition]:
    """The composition of every class, whether or not anything of it was dispensed."""
    return [
        _composition(name, [row for row in drugs if row.get("tspo_class") == name], metric) for name in TSPO_CLASSES
    ]


def was_dispensed(row: Row) -> bool:
    """Whether a drug has fills, shown or suppressed."""
    return to_number(row.get("fills", "")) != 0


def _composition(name: str, rows: Sequence[Row], metric: str) -> Composition:
    used = [row for row in rows if was_dispensed(row)]
    columns = {what: [to_number(row.get(what, "")) for row in used] for what in ("fills", "persons", f"dose_{metric}")}
    fills, persons, dose = (_shares(values) for values in columns.values())
    shares = [Share(row["drug"], f, p, d) for row, f, p, d in zip(used, fills, persons, dose, strict=True)]
    shares.sort(key=lambda share: (-(share.dose or 0), share.drug))
    return Composition(name, shares, sum(share.fills is None for share in shares))


def _shares(values: Sequence[float | None]) -> list[float | None]:
    total = sum(value for value in values if value is not None)
    return [None if value is None or not total else value / total for value in values]


def composition(parts: Sequence[Composition], unit: str) -> Picture:
    """A bar for each class, its segments the drugs that carry its dose."""
    title = f"Share of each class's dose ({unit}) by drug"
    description = " ".join(_said(part) for part in parts)
    return picture("composition", title, description, lambda width: _bars(width, parts))


def _said(part: Composition) -> str:
    name = EXPOSURES[exposure_of(part.tspo_class)].name
    if part.leader is None:
        return f"{name}: no dose was released."
    return f"{name}: {part.leader.drug} carries {part.part_of(part.leader.dose)} the dose."


def _bars(width: int, parts: Sequence[Composition]) -> Sheet:
    sheet = Sheet(width, _STEP * len(parts))
    axes = sheet.axes(0, 0, width, sheet.height)
    axes.set_xlim(0, width)
    axes.set_ylim(sheet.height, 0)
    axes.set_axis_off()
    for i, part in enumerate(parts):
        look = EXPOSURES[exposure_of(part.tspo_class)]
        sheet.text(0, i * _STEP + 14, look.name, fontweight="bold", fontsize=12)
        segments = _segments(part, width)
        if not segments:
            sheet.text(0, i * _STEP + 44, "no dose was released", color="muted", fontsize=SMALL, style="italic")
        x = 0.0
        for n, (words, length) in enumerate(segments):
            box = Rectangle((x, i * _STEP + 27), max(length - 1.5, 0.5), _BAR, color=INKS[look.colour], linewidth=0)
            box.set_alpha(max(0.34 - 0.1 * n, 0.1))
            axes.add_patch(box)
            if len(words) * 6.6 + 12 < length:
                sheet.text(x + 8, i * _STEP + 27 + _BAR / 2, words, fontsize=SMALL)
            x += length
    return sheet


def _segments(part: Composition, width: float) -> list[tuple[str, float]]:
    """Words and length of each segment; drugs too small to be named become one."""
    doses: Mapping[str, float] = {share.drug: share.dose for share in part.shares if share.dose}
    named = {drug: dose for drug, dose in doses.items() if dose >= 0.03}
    rest = 1 - sum(named.values())
    segments = [(f"{drug} {percent(dose)}", dose * width) for drug, dose in named.items()]
    if doses and rest > 1e-9:
        segments.append((f"{len(doses) - len(named)} other {percent(rest)}", rest * width))
    return segments
