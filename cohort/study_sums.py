"""Which counts of the study add up to which, and so what must be hidden of them.

In: true counts of persons, events or deaths by age stratum, dose category and exposure. Out: the keys to hide. Three
kinds of count hang together: the totals of the age strata, which every exposure and every analysis shows; under each
exposure its dose categories, which add up to them; and the linear models, whose person-time is that of known dose.

Persons do not add up over strata or categories, since one person is in several. They are treated as if they did (it
is so where nobody moves), and the difference of a total and a part, the persons who were never in it, counts too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cohort.additive import Key, Shared, Sum, freedom, lines, to_hide
from cohort.inputs import UNKNOWN_DOSE
from cohort.results import CONTRAST, OVERALL

REFERENCES = ("0", "never")
"""The dose category without a dose, by its labels: every hazard ratio stands on it, so it is hidden last."""

Cells = Mapping[Key, int]
"""(age stratum, dose category) -> count, without the totals of the strata."""


@dataclass(frozen=True)
class Linear:
    """Counts of a linear model.

    Attributes:
        known: age stratum -> count in its person-time, which is that of known dose.
        exposed: (exposure, age stratum) -> count of the exposed; the contrast counts who has either of two classes.
    """

    known: Mapping[str, int]
    exposed: Mapping[Key, int]

    def counts(self) -> dict[Key, int]:
        """Keys ("known", stratum) and (exposure, stratum)."""
        return {**{("known", s): n for s, n in self.known.items()}, **self.exposed}


@dataclass(frozen=True)
class Categories:
    """Counts of one exposure's dose categories, and which of them are hidden."""

    cells: Cells
    hidden: Collection[Key]


def shared_totals(
    totals: Mapping[str, int], threshold: int, distinct: bool, others: Sequence[Mapping[str, int]] = ()
) -> Shared:
    """The totals of the age strata that must be hidden: one decision, on which all tables build.

    Args:
        totals: age stratum (with `overall`) -> count.
        distinct: the counts are of persons.
        others: the totals of other study populations: a total that differs from theirs by few is hidden.
    """
    system = _of_totals(totals, Shared())
    adding_up = list(system.sums)
    if distinct:
        system.add_differences(list(system.counts))
    for number, other in enumerate(others):
        system.add_other_population(str(number), totals, other)
    hidden = system.to_hide(_most_useful_first(_totals(totals)), threshold)
    return Shared(frozenset(hidden), freedom(adding_up, hidden))


def cells_to_hide(cells: Cells, totals: Mapping[str, int], shared: Shared, threshold: int, distinct: bool) -> set[Key]:
    """The cells of one exposure's dose categories that must be hidden."""
    counts = {**cells, **_totals(totals)}
    system = _System(counts, list(lines(counts, OVERALL)), set(shared.keys), shared)
    if distinct:
        system.add_differences(list(counts))
    return system.to_hide(_most_useful_first(cells), threshold)


def linear_to_hide(
    model: Linear,
    categories: Mapping[str, Categories],
    totals: Mapping[str, int],
    shared: Shared,
    threshold: int,
    distinct: bool,
) -> set[Key]:
    """The counts of a linear model that must be hidden, by the keys of `Linear.counts`.

    Args:
        categories: exposure -> the dose categories of the same analysis.
        totals: age stratum -> count in all person-time, also that of unknown dose.
    """
    published = model.counts()
    system = _of_totals(totals, shared)
    system.counts |= published
    for stratum in model.known:
        system.add_unknown_dose(stratum)
    for exposure, stratum in model.exposed:
        system.complement(("known", stratum), (exposure, stratum), ("unexposed", exposure, stratum))
    for stratum in (s for exposure, s in model.exposed if exposure == CONTRAST):
        system.add_union(stratum)
    if not distinct:
        for exposure, table in categories.items():
            system.add_categories(exposure, table)
        for exposure, stratum in model.exposed:
            system.add_reference(exposure, stratum, [e for e in categories if e != exposure])
    system.add_strata()
    if distinct:
        system.add_differences(published)
    useful = sorted(published, key=lambda key: (key[1] != OVERALL, key[0] != "known", -published[key], key))
    return system.to_hide(useful, threshold)


def _totals(totals: Mapping[str, int]) -> dict[Key, int]:
    return {(stratum, OVERALL): n for stratum, n in totals.items()}


def _of_totals(totals: Mapping[str, int], shared: Shared) -> "_System":
    counts = _totals(totals)
    return _System(counts, list(lines(counts, OVERALL)), set(shared.keys), shared)


def _most_useful_first(counts: Mapping[Key, int]) -> list[Key]:
    """Margins first, then the reference category, then large counts."""
    return sorted(counts, key=lambda key: (-key.count(OVERALL), key[-1] not in REFERENCES, -counts[key], key))


@dataclass
class _System:
    """Counts and the sums that tie them; `unknown` are those that nobody publishes, or that are hidden already."""

    counts: dict[Key, int]
    sums: list[Sum]
    unknown: set[Key]
    shared: Shared = field(default_factory=Shared)

    def to_hide(self, order: list[Key], threshold: int) -> set[Key]:
        return to_hide(self.counts, self.sums, threshold, order, self.unknown, self.shared)

    def complement(self, total: Key, part: Key, rest: Key) -> None:
        """`rest` is what of a total is not in a part: nobody publishes it, but subtraction finds it."""
        self.counts[rest] = self.counts[total] - self.counts[part]
        self.unknown.add(rest)
        self.sums.append(Sum(total, (part, rest)))

    def add_differences(self, among: Collection[Key]) -> None:
        """The difference of each total and each part of it (of persons: those who were never in the part)."""
        for line in [line for line in self.sums if line.total in among]:
            for part in (part for part in line.parts if part in among):
                self.complement(line.total, part, ("never", *part, *line.total))

    def add_other_population(self, name: str, totals: Mapping[str, int], other: Mapping[str, int]) -> None:
        """Another population shows its totals too, and a reader takes one from the other."""
        for stratum in totals.keys() & other.keys():
            shown, own, rest = ("other", name, stratum), (stratum, OVERALL), ("difference", name, stratum)
            self.counts[shown] = other[stratum]
            larger, smaller = (own, shown) if totals[stratum] >= other[stratum] else (shown, own)
            self.complement(larger, smaller, rest)

    def add_unknown_dose(self, stratum: str) -> None:
        """All person-time is that of known and of unknown dose; where all doses are known, readers know it."""
        self.complement((stratum, OVERALL), ("known", stratum), ("unknown dose", stratum))
        if not self.counts["unknown dose", stratum]:
            self.unknown.remove(("unknown dose", stratum))

    def add_union(self, stratum: str) -> None:
        """Who has either class has only one, only the other, or both."""
        either, binder, non_binder = (CONTRAST, stratum), ("tspo_binder", stratum), ("tspo_non_binder", stratum)
        only_binder, only_non_binder, both = (("only binder", stratum), ("only non-binder", stratum), ("both", stratum))
        self.complement(either, binder, only_non_binder)
        self.complement(either, non_binder, only_binder)
        self.complement(binder, only_binder, both)
        neither = ("unexposed", CONTRAST, stratum)
        self.sums += [
            Sum(non_binder, (only_non_binder, both)),
            Sum(("unexposed", *binder), (only_non_binder, neither)),
            Sum(("unexposed", *non_binder), (only_binder, neither)),
        ]

    def add_categories(self, exposure: str, table: Categories) -> None:
        """The categories of an exposure add up to the totals of the strata."""
        strata = {stratum for stratum, _ in table.cells}
        named = {key: (exposure, *key) for key in table.cells}
        for line in lines([*table.cells, *((s, OVERALL) for s in strata)], OVERALL):
            parts = tuple(named.get(part, part) for part in line.parts)
            self.sums.append(Sum(named.get(line.total, line.total), parts))
        self.counts |= {named[key]: n for key, n in table.cells.items()}
        self.unknown |= {named[key] for key in table.hidden}

    def add_reference(self, exposure: str, stratum: str, others: Collection[str]) -> None:
        """Category 0 is the unexposed, and those of them whose dose of another class is unknown."""
        found = [key for label in REFERENCES if (key := (exposure, stratum, label)) in self.counts]
        if not found:
            return
        reference, unknown_dose = found[0], ("unknown dose", stratum)
        own, *other = ((e, stratum, UNKNOWN_DOSE) for e in (exposure, *others))
        without, above = ("unknown dose, 0", exposure, stratum), ("unknown dose, above 0", exposure, stratum)
        self.complement(reference, ("unexposed", exposure, stratum), without)
        self.counts[above] = self.counts[unknown_dose] - self.counts[without] - self.counts.get(own, 0)
        with_dose = tuple(
            k for k in self.counts if k[:2] == (exposure, stratum) and len(k) == 3 and k not in (reference, own)
        )
        self.counts["above 0", exposure, stratum] = sum(self.counts[key] for key in with_dose)
        self.unknown |= {above, ("above 0", exposure, stratum)}
        self.sums += [
            Sum(unknown_dose, (without, above, *([own] if own in self.counts else ()))),
            Sum(("above 0", exposure, stratum), with_dose),
            Sum(("above 0", exposure, stratum), ((exposure, stratum), above)),
        ]
        if not any(self.counts.get(key) for key in other):
            self.unknown -= {without, above}

    def add_strata(self) -> None:
        """What is counted by age stratum adds up to its overall count."""
        families: dict[Key, list[Key]] = {}
        for key in self.counts:
            families.setdefault(key[:-1], []).append(key)
        for family, members in families.items():
            overall = (*family, OVERALL)
            if overall in members and len(members) > 1:
                self.sums.append(Sum(overall, tuple(key for key in members if key != overall)))
