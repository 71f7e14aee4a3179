"""The typed form of an expectation file: one made-up person's fills, and what must follow from them.

In: the tables of a TOML file. Out: frozen models, closed to unknown keys, whose docstrings and descriptions are the
format. A fact without a row in `config/` (a drug, a route, a unit) cannot be written.
"""

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from cohort.protocol_sections import day

UNKNOWN = "unknown"
"""How an empty number is written: `mg = "unknown"`. An empty text is written `""`."""


def _number(value: object) -> object:
    """A number, or a fraction in text such as "2/3"."""
    if isinstance(value, str):
        try:
            return float(Fraction(value))
        except (ValueError, ZeroDivisionError, OverflowError):
            raise ValueError('write a number, or a fraction in quotes such as "2/3"') from None
    if isinstance(value, bool):
        raise ValueError("write a number")
    return value


def _number_or_unknown(value: object) -> object:
    return None if value == UNKNOWN else _number(value)


Day = Annotated[dt.date, BeforeValidator(day), Field(ge=dt.date(1800, 1, 1), le=dt.date(2200, 12, 31))]
Number = Annotated[float, BeforeValidator(_number)]
NumberOrUnknown = Annotated[float | None, BeforeValidator(_number_or_unknown)]
Whole = Annotated[int, Strict(), Field(ge=-1_000_000, le=1_000_000)]
Days = Annotated[int, Strict(), Field(ge=0, le=1_000_000)]
FillId = Annotated[int, Strict(), Field(ge=1, le=2**62)]
Text = Annotated[str, Field(min_length=1)]
CellText = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
DaysOrUnknown = Annotated[
    Annotated[int, Strict()] | None, BeforeValidator(lambda value: None if value == UNKNOWN else value)
]


class _Part(BaseModel):
    """A part of a file: frozen, closed to unknown keys, and without infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Person(_Part):
    """[person]: by default a woman born on 1940-01-01 and observed from 2000 to 2030, so followed from 2000-12-31."""

    birth_date: Day = dt.date(1940, 1, 1)
    sex: Literal["female", "male"] = "female"
    observed: tuple[Day, Day] = (dt.date(2000, 1, 1), dt.date(2030, 12, 31))

    @model_validator(mode="after")
    def _is_observed_for_a_while(self) -> Self:
        if self.observed[0] >= self.observed[1]:
            raise ValueError("observed: the first day is not before the last")
        return self


class Product(_Part):
    """[[product]]: an ingredient of a drug concept. Rows that share a name are one product."""

    name: Text = Field(description="The concept's name; words of dosage_forms.csv in it give the route.")
    drug: Text = Field(description="A drug of drugs.csv, or any other ingredient with other_ingredient = true.")
    other_ingredient: bool = False
    amount: Number | None = Field(None, description="Strength of a piece, in `unit`.")
    numerator: Number | None = Field(None, description="Strength per `denominator` `denominator_unit`, in `unit`.")
    denominator: Number | None = None
    unit: Text | None = Field(None, description="A unit of mass_units.csv; without it the strength has none.")
    denominator_unit: Literal["mL", "L", "hour"] | None = None

    @model_validator(mode="after")
    def _has_one_strength_at_most(self) -> Self:
        if self.amount is not None and self.numerator is not None:
            raise ValueError("give amount or numerator, not both")
        if (self.numerator is None) != (self.denominator_unit is None):
            raise ValueError("numerator and denominator_unit go together")
        if self.denominator is not None and self.numerator is None:
            raise ValueError("a denominator needs a numerator")
        return self

    @property
    def has_strength(self) -> bool:
        """Whether drug_strength has a row for it."""
        return self.amount is not None or self.numerator is not None


class Fill(_Part):
    """[[fill]]: a record of drug_exposure. Without an id, its place in the file is its id."""

    id: FillId | None = None
    date: Day
    product: Text
    quantity: Number | None = None
    days_supply: Whole | None = None
    end_date: Day | None = None
    verbatim_end_date: Day | None = None
    route: Text | None = Field(None, description="A route of routes.csv, such as oral.")


class HospitalStay(_Part):
    """[[hospital_stay]]: an inpatient visit; its nights are start .. end - 1."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end < self.start:
            raise ValueError("end is before start")
        return self


class Comparison(_Part):
    """An expectation: the columns that are written are compared, the others are not."""

    def compared(self) -> dict[str, Any]:
        """The columns that are written, with what they must hold."""
        keys = {"fill", "drug", "date"}
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set - keys}


class OfAFill(Comparison):
    """An expectation about one study drug of one fill."""

    fill: FillId
    drug: Text | None = Field(None, description="Which study drug, where the product has several.")


class LedgerRow(OfAFill):
    """[[expected.ledger]]: columns of the table `dose`."""

    tspo_class: CellText = None
    fill_date: Day | None = None
    route: CellText = None
    quantity: NumberOrUnknown = None
    strength_mg: NumberOrUnknown = None
    strength_unit: CellText = None
    strength_rule: CellText = None
    days_source: CellText = None
    days_disagree: bool | None = None
    days: DaysOrUnknown = None
    mg: NumberOrUnknown = None
    mg_per_day: NumberOrUnknown = None
    dme_per_day: NumberOrUnknown = None
    ddd_per_day: NumberOrUnknown = None
    tspo_per_day: NumberOrUnknown = None
    rule: CellText = None
    problem: CellText = None
    status: CellText = None


class Stretch(OfAFill):
    """[[expected.supply]]: an unbroken run of days of a fill. All of a fill's are listed; `days = 0`: it has none."""

    start: Day | None = None
    days: Days

    @model_validator(mode="after")
    def _starts_on_a_day(self) -> Self:
        if self.days and self.start is None:
            raise ValueError("start is missing; only days = 0 goes without")
        return self


class Discarded(OfAFill):
    """[[expected.discarded]]: days of a fill that are never taken, by reason."""

    by_cap: Days | None = None
    by_switch: Days | None = None


class DoseOn(Comparison):
    """[[expected.dose]]: the dose as known on a date, after the lag, in the protocol's metric; and its category."""

    date: Day
    tspo_binder: NumberOrUnknown = None
    tspo_non_binder: NumberOrUnknown = None
    tspo_unknown: NumberOrUnknown = None
    category_tspo_binder: Text | None = None
    category_tspo_non_binder: Text | None = None
    category_tspo_unknown: Text | None = None


class Expected(_Part):
    """What must follow."""

    ledger: tuple[LedgerRow, ...] = ()
    supply: tuple[Stretch, ...] = ()
    discarded: tuple[Discarded, ...] = ()
    dose: tuple[DoseOn, ...] = ()


class ExpectationFile(_Part):
    """The whole file."""

    title: Text
    why: str = ""
    protocol: Mapping[str, Any] = Field({}, description='Fields changed; "none" is no value.')
    person: Person = Person()
    product: tuple[Product, ...] = ()
    fill: tuple[Fill, ...] = ()
    hospital_stay: tuple[HospitalStay, ...] = ()
    expected: Expected

    def fills(self) -> dict[int, Fill]:
        """The fills by id."""
        return {fill.id or place: fill for place, fill in enumerate(self.fill, start=1)}

    def study_drugs(self, product: str) -> list[str]:
        """The study drugs in a product, each once."""
        drugs = [row.drug for row in self.product if row.name == product and not row.other_ingredient]
        return list(dict.fromkeys(drugs))
