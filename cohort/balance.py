"""Who takes these drugs: characteristics at entry by the class of the first drug, and standardised differences.

In: the table `baseline` with true counts. Out: the table `balance`, with what may not be told hidden. Groups are by the
class of the first study drug from entry to exit, so that each person is in one and the numbers add up. They describe
persons by what they later take: they are no arms of a trial, and no follow-up is counted in them, so a person who has
to live to a first fill does so without immortal time.

A standardised difference does not grow with the number of persons, as a p-value does: d = (m1 - m2) /
sqrt((s1^2 + s2^2) / 2), and of shares (p1 - p2) / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2), each level of a
characteristic by itself (Austin 2009, Stat Med 28:3083, doi 10.1002/sim.3697; memory, unverified).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cohort.additive import Key, Shared, Sum, freedom, is_small, to_hide
from cohort.counts import DAYS_PER_YEAR
from cohort.covariates import load_covariates
from cohort.disclosure import SUPPRESSED

GROUPS = ("binder", "non_binder", "unknown", "several", "none")
"""Class of the first drug; `several`: of more than one class on that day; `none`: no study drug."""
USERS = GROUPS[:-1]
EVER, LAST_YEAR = "ever", "last year"
YEARS = "years"
"""The level of the row that has means."""

_ABOUT = "Persons, age, sex and year"
_ALL, _USERS = "all", "users"
_MOST_USEFUL_FIRST = ("binder", "non_binder", "none", _USERS, "unknown", "several")
_DIFFERENCES = ("smd_binder_non_binder", "smd_users_non_users")
_OF_A_GROUP = ("persons", "percent", "mean", "sd")

BALANCE_SCHEMA = {
    **dict.fromkeys(("heading", "characteristic", "level"), pl.String),
    **{f"{what}_{g}": pl.Int64 if what == "persons" else pl.Float64 for g in GROUPS for what in _OF_A_GROUP},
    **dict.fromkeys(_DIFFERENCES, pl.Float64),
    "status": pl.String,
}
"""Columns of `balance`."""

Counts = Mapping[str, int]
"""Group -> persons; `users` are those of all groups but `none`."""


@dataclass(frozen=True)
class Spread:
    """A number over the persons of a group: how many, their mean and their standard deviation."""

    persons: int
    mean: float
    sd: float

    @classmethod
    def of_sums(cls, persons: int, total: float, squares: float) -> "Spread":
        """From sums of values and of their squares; the variance has persons - 1 below it."""
        if not persons:
            return cls(0, math.nan, math.nan)
        variance = (squares - total * total / persons) / (persons - 1) if persons > 1 else math.nan
        return cls(persons, total / persons, math.sqrt(variance) if variance == variance else math.nan)

    @classmethod
    def of_share(cls, persons: int, having: int) -> "Spread":
        """Of 1 for those who have it, and 0 for the others."""
        share = having / persons if persons else math.nan
        return cls(persons, share, math.sqrt(share * (1 - share)))


def standardised_difference(one: Spread, other: Spread) -> float | None:
    """The difference of means in standard deviations; None where nobody is, or nothing varies but the means differ."""
    spread = math.sqrt((one.sd**2 + other.sd**2) / 2)
    difference = one.mean - other.mean
    if difference == 0:
        return 0.0
    return difference / spread if spread > 0 and math.isfinite(difference) else None


def balance_table(
    baseline: pl.DataFrame, age_strata: Sequence[str], threshold: int, uses: Mapping[str, int] | None = None
) -> pl.DataFrame:
    """The table `balance`.

    Args:
        baseline: first_class, characteristic, level, persons, days, squared_days; what nobody has is absent.
        age_strata: labels of the bands of age at entry.
        threshold: counts from 1 to threshold - 1 are small.
        uses: class -> users of each of its drugs, added up, as the table of drugs tells them.

    Returns:
        A row per characteristic and level, columns of `BALANCE_SCHEMA`. A count, its percentage, a mean or a difference
        that would tell a small count, or help to, is null, and the status `suppressed`.
    """
    found: dict[Key, int] = {(c, level, g): n for g, c, level, n in baseline.select(baseline.columns[:4]).iter_rows()}
    size = _with_users({g: found.get(("persons", "", g), 0) for g in GROUPS})
    hidden, shared = _hidden_sizes(size, uses or {}, threshold)
    table = _Table(size, hidden, shared, threshold)
    rows = [table.row(_ABOUT, "persons", "", size, hidden), table.means(_spreads(baseline))]
    for heading, characteristic, levels in _characteristics(found, age_strata):
        counts = {level: _with_users({g: found.get((characteristic, level, g), 0) for g in GROUPS}) for level in levels}
        untold = table.hidden_counts(counts)
        gone = {level: {g for g, hidden_level in untold if hidden_level == level} for level in levels}
        rows += [table.row(heading, characteristic, level, counts[level], gone[level]) for level in levels]
    return pl.DataFrame(rows, schema=BALANCE_SCHEMA)


def _characteristics(found: Mapping[Key, int], age_strata: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """(heading, characteristic, levels) in the order of the table."""
    levels = {c: sorted({level for of, level, _ in found if of == c}) for c in ("sex", "year of entry")}
    about = {"age at entry": list(age_strata), **levels}
    covariates = [(row.heading, row.concept_set) for row in load_covariates() if row.adjust == "yes"]
    return [(_ABOUT, c, names) for c, names in about.items()] + [(h, c, [EVER, LAST_YEAR]) for h, c in covariates]


def _with_users(counts: Mapping[str, int]) -> dict[str, int]:
    return {**counts, _USERS: sum(counts[g] for g in USERS)}


def _spreads(baseline: pl.DataFrame) -> dict[str, Spread]:
    """Age at entry in years of each group, and of all users."""
    columns = ["first_class", "persons", "days", "squared_days"]
    rows = baseline.filter(pl.col("characteristic") == "persons").select(columns).rows()
    sums = {group: tuple(map(float, of_group)) for group, *of_group in rows}
    users = [sums[g] for g in USERS if g in sums]
    sums[_USERS] = tuple(sum(column) for column in zip(*users, strict=True)) if users else (0.0, 0.0, 0.0)
    year = DAYS_PER_YEAR
    return {g: Spread.of_sums(int(n), days / year, squares / year**2) for g, (n, days, squares) in sums.items()}


def _hidden_sizes(size: Counts, uses: Counts, threshold: int) -> tuple[set[str], Shared]:
    """Groups whose size must be hidden; the numbers of all persons and of each drug's users are told elsewhere.

    Who began with a class is a user of one of its drugs. Of a class with one drug the other users are those who took it
    only later, or only before entry; of one with several, those and whoever took more than one of them.
    """
    counts: dict[Key, int] = {(g, _ALL): n for g, n in size.items()}
    counts[_ALL, _ALL] = size[_USERS] + size["none"]
    sums = [
        Sum((_ALL, _ALL), ((_USERS, _ALL), ("none", _ALL))),
        Sum((_USERS, _ALL), tuple((g, _ALL) for g in USERS)),
        Sum((_ALL, _ALL), tuple((g, _ALL) for g in GROUPS)),
    ]
    others: dict[str, Key] = {g: (g, "other uses") for g in uses}
    counts |= {others[g]: n - size[g] for g, n in uses.items()}
    counts |= {(g, "uses"): n for g, n in uses.items()}
    told = [*sums, *(Sum((g, "uses"), ((g, _ALL), others[g])) for g in uses)]
    # Few uses are hidden in the table of drugs.
    unknown = {*others.values(), *((g, "uses") for g, n in uses.items() if is_small(n, threshold))}
    hidden = to_hide(counts, told, threshold, [(g, _ALL) for g in _MOST_USEFUL_FIRST], unknown)
    return {g for g, _ in hidden}, Shared(frozenset(hidden), freedom(sums, hidden))


@dataclass(frozen=True)
class _Table:
    """What all rows share: the sizes of the groups, and which of them are hidden."""

    size: Counts
    hidden: set[str]
    shared: Shared
    threshold: int

    def hidden_counts(self, counts: Mapping[str, Counts]) -> set[Key]:
        """(group, level) of the counts of one characteristic that must be hidden.

        Levels add up to the size of the group; but who had something in the last year had it ever, and who had it ever
        only before, or who never had it, follows by subtraction.
        """
        cells: dict[Key, int] = {(g, level): n for level, of in counts.items() for g, n in of.items()}
        published = [(g, level) for level in counts for g in _MOST_USEFUL_FIRST]
        cells |= {(g, _ALL): n for g, n in self.size.items()}
        sums, unpublished = [], set(self.shared.keys)
        for g in self.size:
            parts: tuple[Key, ...] = tuple((g, level) for level in counts)
            if EVER in counts:
                never, before = (g, "never"), (g, "only before")
                cells[never] = cells[g, _ALL] - cells[g, EVER]
                cells[before] = cells[g, EVER] - cells[g, LAST_YEAR]
                unpublished |= {never, before}
                sums.append(Sum((g, EVER), ((g, LAST_YEAR), before)))
                parts = ((g, EVER), never)
            sums.append(Sum((g, _ALL), parts))
        levels = dict.fromkeys(level for _, level in cells)
        sums += [Sum((_USERS, level), tuple((g, level) for g in USERS)) for level in levels]
        return to_hide(cells, sums, self.threshold, published, unpublished, self.shared)

    def row(self, heading: str, characteristic: str, level: str, counts: Counts, hidden: set[str]) -> dict[str, object]:
        """A row of counts; `hidden` are the groups whose count must not be told."""
        row: dict[str, object] = {"heading": heading, "characteristic": characteristic, "level": level}
        for g in GROUPS:
            row[f"persons_{g}"] = None if g in hidden else counts[g]
            is_share = g not in hidden | self.hidden and self.size[g] and characteristic != "persons"
            row[f"percent_{g}"] = round(100 * counts[g] / self.size[g], 1) if is_share else None
        if characteristic != "persons":
            shares = {g: Spread.of_share(self.size[g], counts[g]) for g in counts}
            row |= self._differences(shares, hidden | self.hidden)
        return row | {"status": SUPPRESSED if hidden & {*GROUPS} else "ok"}

    def means(self, spreads: Mapping[str, Spread]) -> dict[str, object]:
        """The row of age at entry in years; of a group whose size is hidden nothing is told."""
        row = self.row(_ABOUT, "persons", "", self.size, self.hidden)
        shown = {g: spread for g, spread in spreads.items() if g not in self.hidden and g in GROUPS}
        row |= {f"mean_{g}": round(s.mean, 1) for g, s in shown.items()}
        row |= {f"sd_{g}": round(s.sd, 1) for g, s in shown.items() if s.sd == s.sd}
        # The mean of all users would tell that of the one group that is hidden.
        untold = self.hidden | ({_USERS} if self.hidden else set())
        return row | {"characteristic": "age at entry", "level": YEARS} | self._differences(spreads, untold)

    def _differences(self, spreads: Mapping[str, Spread], hidden: set[str]) -> dict[str, float | None]:
        pairs = dict(zip(_DIFFERENCES, (("binder", "non_binder"), (_USERS, "none")), strict=True))
        differences: dict[str, float | None] = {}
        for name, (one, other) in pairs.items():
            told = {one, other} <= spreads.keys() and not {one, other} & hidden
            found = standardised_difference(spreads[one], spreads[other]) if told else None
            differences[name] = None if found is None else round(found, 3)
        return differences
