"""What goes wrong with the records: fills that are wrong, doubled or displaced, and holes in observation.

In: clean fills of a block. Out: the same fills with some of them dirtied, each in one way at most, and for each
of those what it was before. Nobody took another dose: only records differ.
"""

from dataclasses import dataclass

import numpy as np

from cohort.synthetic.course import NEVER
from cohort.synthetic.dirt_parameters import ABSURD_DAYS, ABSURD_QUANTITY, DAYS_WITHOUT_SUPPLY
from cohort.synthetic.events import Dispensings, joined, whole_days
from cohort.synthetic.parameters import Parameters
from cohort.synthetic.people import Arrays, Bools, Floats, Ints

NO_DAYS = -1_000_000  # stands for a missing days_supply, and not-a-number for a missing quantity
_OF_ALL = ("missing_days", "negative_days", "absurd_days", "missing_quantity", "zero_quantity", "absurd_quantity",
           "end_before_start", "duplicate", "shifted_duplicate", "overlap")  # fmt: skip
_OF_REFILLS = ("early_refill", "hospital_gap")
_OF_USERS = ("fill_after_death",)
KINDS = (*_OF_ALL, *_OF_REFILLS, *_OF_USERS)

Rows = dict[str, Ints]


@dataclass
class Before(Arrays):
    """Of each dirtied record, its kind and what was clean: its own content, or that of the record it repeats."""

    kind: Ints
    is_added: Bools
    day: Ints
    days: Ints
    quantity: Floats


@dataclass
class Stays(Arrays):
    """Inpatient stays: person, first day and nights."""

    person: Ints
    day: Ints
    nights: Ints


@dataclass(frozen=True)
class Dirtied:
    """Fills as they are recorded, what the dirtied ones were (by their `dirt`), and stays in hospital."""

    fills: Dispensings
    before: Before
    stays: Stays


@dataclass
class Holes(Arrays):
    """First and last day of each person's hole in observation, `NEVER` for none."""

    first: Ints
    last: Ints

    def spare(self, person: Ints, day: Ints) -> Bools:
        """Whether records lie outside the holes."""
        return (day < self.first[person]) | (day > self.last[person])


def draw_holes(last: Ints, parameters: Parameters, rng: np.random.Generator) -> Holes:
    """Holes for some, with a day of observation before and after at least."""
    length = rng.integers(30, 400, size=len(last), endpoint=True)
    is_holed = (rng.random(len(last)) < parameters.hole_share) & (length + 1 <= last)
    first = whole_days(np.ones_like(last), np.maximum(last - length, 1), rng)
    return Holes(np.where(is_holed, first, NEVER), np.where(is_holed, first + length - 1, NEVER))


def dirtied(
    fills: Dispensings, is_refill: Bools, last: Ints, dead: Ints, parameters: Parameters, rng: np.random.Generator
) -> Dirtied:
    """Dirty the fills of a block.

    Args:
        fills: clean, ordered by person and day.
        is_refill: whether each continues an episode.
        last: each person's last day of observation.
        dead: persons observed until death.
        parameters: the shares.
        rng: a stream of its own.
    """
    rows, nights = _chosen(fills, is_refill, last, parameters, rng)
    added = {"duplicate": fills.day, "overlap": fills.day + fills.days // 2}
    added |= {"shifted_duplicate": fills.day + rng.integers(1, 7, size=len(fills.day), endpoint=True)}
    added |= {"fill_after_death": last[fills.person] + rng.integers(1, 30, size=len(fills.day), endpoint=True)}
    for name in ("overlap", "shifted_duplicate"):
        rows[name] = rows[name][added[name][rows[name]] <= last[fills.person[rows[name]]]]
    rows |= {"fill_after_death": _last_fills(fills, dead, parameters.fill_after_death_share, rng)}
    records = fills.taken(np.arange(len(fills.day)))
    _edit(records, rows, nights, rng)
    copies = {name: _copy(fills, rows[name], day) for name, day in added.items()}
    _number(records, copies, rows)
    late = rows["hospital_gap"]
    stays = Stays(fills.person[late], fills.day[late] - _whole(fills.days[late], rng), nights)
    return Dirtied(joined([records, *copies.values()]), _before(fills, rows, added), stays)


def _chosen(
    fills: Dispensings, is_refill: Bools, last: Ints, parameters: Parameters, rng: np.random.Generator
) -> tuple[Rows, Ints]:
    """The fills to dirty by kind, one kind each, and the nights of hospital of those that come late."""
    shares = np.array([getattr(parameters, f"{name}_share") for name in (*_OF_REFILLS, *_OF_ALL)])
    kind = np.searchsorted(np.cumsum(shares), rng.random(len(fills.day)), side="right")
    rows = {name: np.flatnonzero(kind == number) for number, name in enumerate((*_OF_REFILLS, *_OF_ALL))}
    rows |= {name: rows[name][is_refill[rows[name]]] for name in _OF_REFILLS}
    late = rows["hospital_gap"]
    nights = rng.integers(3, 14, size=len(late), endpoint=True)
    is_seen = fills.day[late] + nights <= last[fills.person[late]]
    return rows | {"hospital_gap": late[is_seen]}, nights[is_seen]


def _last_fills(fills: Dispensings, dead: Ints, share: float, rng: np.random.Generator) -> Ints:
    """The last fills of a share of the dead who have any."""
    is_last = np.append(fills.person[1:] != fills.person[:-1], True)[: len(fills.person)]
    rows = np.flatnonzero(is_last & np.isin(fills.person, dead))
    return rows[rng.random(len(rows)) < share]


def _edit(records: Dispensings, rows: Rows, nights: Ints, rng: np.random.Generator) -> None:
    records.days[rows["missing_days"]] = NO_DAYS
    records.end_after[rows["missing_days"]] = DAYS_WITHOUT_SUPPLY - 1
    records.days[rows["negative_days"]] *= -1
    records.days[rows["absurd_days"]] = ABSURD_DAYS
    records.end_after[rows["absurd_days"]] = ABSURD_DAYS - 1
    records.quantity[rows["missing_quantity"]] = np.nan
    records.quantity[rows["zero_quantity"]] = 0
    records.quantity[rows["absurd_quantity"]] = ABSURD_QUANTITY
    reversed_, early = rows["end_before_start"], rows["early_refill"]
    records.end_after[reversed_] = -rng.integers(1, 10, size=len(reversed_), endpoint=True)
    records.day[early] -= rng.integers(1, 10, size=len(early), endpoint=True)
    records.day[rows["hospital_gap"]] += nights


def _copy(fills: Dispensings, rows: Ints, day: Ints) -> Dispensings:
    copy = fills.taken(rows)
    copy.day = day[rows]
    return copy


def _number(records: Dispensings, copies: dict[str, Dispensings], rows: Rows) -> None:
    """Let dirtied records point to their row of `_before`."""
    first = 0
    for name in KINDS:
        numbers = np.arange(first, first + len(rows[name]), dtype=np.int32)
        if name in copies:
            copies[name].dirt = numbers
        else:
            records.dirt[rows[name]] = numbers
        first += len(numbers)


def _before(fills: Dispensings, rows: Rows, added: Rows) -> Before:
    kinds = np.concatenate([np.full(len(rows[name]), number) for number, name in enumerate(KINDS)])
    is_added = np.isin(kinds, [KINDS.index(name) for name in added])
    every = np.concatenate([rows[name] for name in KINDS])
    return Before(kinds, is_added, fills.day[every], fills.days[every], fills.quantity[every])


def _whole(most: Ints, rng: np.random.Generator) -> Ints:
    return whole_days(np.ones_like(most), most, rng)
