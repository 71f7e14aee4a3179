"""Numbers as a reader sees them.

In: released values, of which some are absent. Out: short text. What was suppressed is said in words and never
becomes a figure.
"""

import datetime as dt
import math
from collections.abc import Sequence

SUPPRESSED = "suppressed"
NO_BREAK = "\N{NO-BREAK SPACE}"
EN_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
ABSENT = EN_DASH
_HIDDEN = {"", "-", ABSENT, SUPPRESSED, "null", "NA", "nan", "NaN"}


def to_number(text: str) -> float | None:
    """A released number, or None where it is absent, suppressed or no number (`<5`)."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None


def count(value: float | None) -> str:
    """A count with thousands separated; None is a suppressed count."""
    return SUPPRESSED if value is None else f"{round(value):,}"


def released_count(text: str) -> str:
    """A count as it stands in a released file: a number, `<5`, or suppressed."""
    if text.strip() in _HIDDEN:
        return SUPPRESSED
    value = to_number(text)
    return text.strip() if value is None else count(value)


def amount(text: str) -> str:
    """A sum of days, mg or dose units as it stands in a released file; small ones keep a decimal."""
    value = to_number(text)
    if value is None:
        return released_count(text)
    return f"{value:,.1f}" if 0 < abs(value) < 10 else f"{value:,.0f}"


def recorded(value: object) -> str:
    """A number of the run's record; what is not there was suppressed."""
    return SUPPRESSED if value is None else amount(str(value))


def plain(text: str) -> str:
    """A fact such as a Ki or the mg of a dose unit, without padding zeros; a dash where there is none."""
    value = to_number(text)
    if value is None:
        return text.strip() or ABSENT
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(value: float | None) -> str:
    """A hazard ratio to two decimals, fewer where they would mean nothing."""
    if value is None:
        return ABSENT
    if value >= 100:
        return ">100"
    if value < 0.01:
        return "<0.01"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def interval(lower: float | None, upper: float | None) -> str:
    """Bounds of an interval, such as `1.02 to 1.23`."""
    return f"{ratio(lower)}{NO_BREAK}to{NO_BREAK}{ratio(upper)}"


def with_bounds(value: float | None, lower: float | None, upper: float | None) -> str:
    """A ratio with its interval, such as `1.12 (1.02 to 1.23)`."""
    return f"{ratio(value)} ({interval(lower, upper)})"


def rate(value: float | None) -> str:
    """A rate to three significant digits, as released."""
    return ABSENT if value is None else f"{value:,.{_decimals(value)}f}"


def difference(values: Sequence[float | None], decimals: int | None = None) -> str:
    """A difference with its interval, every number with its sign: `+1.57 (-0.41 to +3.55)`, with minus signs.

    Args:
        values: the difference, its lower and its upper bound; without one of these no interval is told.
        decimals: none: as many as leave three significant digits of the largest number.
    """
    known = [value for value in values if value is not None]
    if not values or values[0] is None:
        return ABSENT
    digits = _decimals(max(map(abs, known))) if decimals is None else decimals
    first, *bounds = (_signed(value, digits) for value in known)
    return f"{first} ({bounds[0]}{NO_BREAK}to{NO_BREAK}{bounds[1]})" if len(bounds) > 1 else first


def _decimals(value: float) -> int:
    """Decimals that leave three significant digits of a number; at most four."""
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 4) if value else 0


def _signed(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return f"{_MINUS if value < 0 else '+'}{text}"


def p_value(value: float | None) -> str:
    """A p-value to two significant digits, none below 0.001."""
    if value is None:
        return ABSENT
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def p_equals(value: float | None) -> str:
    """A p-value within a sentence: `p = 0.03` or `p < 0.001`."""
    text = p_value(value)
    sign = f"<{NO_BREAK}{text[1:]}" if text.startswith("<") else f"={NO_BREAK}{text}"
    return f"p{NO_BREAK}{sign}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share as a percentage; never 0 or 100 for what is only nearly so."""
    if share is None:
        return ABSENT
    smallest = 10.0**-decimals
    if 0 < share * 100 < smallest / 2:
        return f"<{smallest:g}%"
    if 100 - smallest / 2 < share * 100 < 100:
        return f">{100 - smallest:g}%"
    return f"{share * 100:.{decimals}f}%"


def share(value: float | None) -> str:
    """A share to a tenth of a percent; nothing and all without decimals."""
    return percent(value) if value in (0, 1) else percent(value, 1)


def change_of(hazard_ratio: float) -> str:
    """A hazard ratio as a change: `12% higher`, `5% lower`, `3.0 times`."""
    if hazard_ratio >= 3:
        return f"{ratio(hazard_ratio)} times as high"
    change = round((hazard_ratio - 1) * 100)
    if change == 0:
        return "no different"
    return f"{abs(change)}% {'higher' if change > 0 else 'lower'}"


def range_of_change(lower: float, upper: float) -> str:
    """An interval as changes: `5% lower to 22% higher`, `18% to 34% higher`."""
    first, last = change_of(lower), change_of(upper)
    words = {first.split(" ")[-1], last.split(" ")[-1]}
    if len(words) == 1 and words <= {"higher", "lower"}:
        first = first.split(" ")[0]
    return f"{first} to {last}"


def years(days: float) -> str:
    """Days as years where they are whole years, such as `3 years`; else as days."""
    if days % 365 == 0:
        whole = int(days // 365)
        return f"{whole}{NO_BREAK}year{'' if whole == 1 else 's'}"
    return f"{days:,g}{NO_BREAK}day{'' if days == 1 else 's'}"


def ordinal(number: int) -> str:
    """`50th`, `61st`."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in {11, 12, 13} else endings.get(number % 10, 'th')}"


def moment(text: object) -> str:
    """An ISO date and time as a reader writes it; other text as it is, none as an empty one."""
    if not isinstance(text, str):
        return ""
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = f" {when.tzname()}" if when.tzinfo else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """Words as a list in a sentence: `a, b and c`."""
    return f" {conjunction} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def capital(words: str) -> str:
    """Words with a capital letter, as at the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def humanised(name: str) -> str:
    """A field's or a key's name as words: `source_release_date` is `Source release date`."""
    words = capital(name.replace("_", " ").strip())
    return words.replace("Cdm", "CDM").replace("cdm", "CDM")
