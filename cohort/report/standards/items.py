"""What a filled-in standard is made of, and what all of them are filled in from.

An item is filled in from what the protocol and the release hold. What neither can hold, such as funding or a
registration, is left to the authors and says so: a blank would look like an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cohort.protocol import Protocol
from cohort.report.flow import steps
from cohort.report.limitations import limitations
from cohort.report.methods import paragraphs
from cohort.report.release import Release
from cohort.report.study import Study
from cohort.report.terms import Terms
from cohort.report.text import Answer, answer

AUTHORS = "For the authors: neither the protocol nor the results hold it."
"""What stands in the place of an answer that the program cannot give."""


@dataclass(frozen=True)
class Item:
    """A row of a standard.

    Attributes:
        number: of the item in the standard, or its place in a table.
        asks: what the item wants to know, in our words.
        says: what this study says to it; empty where that is the authors' to say.
        place: the section of the report that says more, by its anchor; empty where there is none.
    """

    number: str
    asks: str
    says: str = ""
    place: str = ""


@dataclass(frozen=True)
class Group:
    """Items under a heading of the standard."""

    name: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Standard:
    """A standard, filled in.

    Attributes:
        key: its short name, for anchors.
        headings: of the three columns.
    """

    key: str
    name: str
    source: str
    headings: tuple[str, str, str]
    groups: Sequence[Group]

    @property
    def items(self) -> list[Item]:
        """All its items."""
        return [item for group in self.groups for item in group.items]


@dataclass(frozen=True)
class Facts:
    """What a standard is filled in from: a study whose protocol can be read."""

    study: Study
    protocol: Protocol

    @property
    def release(self) -> Release:
        """What was released."""
        return self.study.release

    @property
    def terms(self) -> Terms:
        """The words that depend on the protocol."""
        return self.study.terms

    @cached_property
    def methods(self) -> Mapping[str, str]:
        """The paragraphs of the methods by title."""
        return {paragraph.title: paragraph.text for paragraph in paragraphs(self.protocol)}

    @cached_property
    def limits(self) -> Mapping[str, str]:
        """The limitations by title."""
        told = limitations(self.release, self.terms, self.study.parts, self.protocol)
        return {paragraph.title: paragraph.text for paragraph in told}

    @property
    def cdm(self) -> Mapping[str, Any]:
        """What the run's record says of the CDM."""
        return self.release.run.get("cdm") or {}

    @property
    def observed(self) -> str:
        """From when to when there are records, in a few words; empty where the record does not say."""
        ends = [str(self.cdm.get(end) or "") for end in ("earliest_observation_date", "latest_observation_date")]
        return " to ".join(ends) if all(ends) else ""

    @property
    def ends(self) -> str:
        """With what follow-up ends, as the methods say it: `dementia, death, or ...`."""
        return self.methods["Who"].rsplit("Follow-up ends with ", 1)[-1]

    @cached_property
    def answer(self) -> Answer:
        """What the run says; the truth of synthetic data is no part of it."""
        return answer(self.release, self.terms, self.study.parts, None)

    @cached_property
    def left_out(self) -> str:
        """The criteria with the persons who are left after each."""
        told = [
            f"{step.reason}: {step.persons} left, {step.excluded} left out" for step in steps(self.release.attrition)
        ]
        return "; ".join(told) + "." if told else ""
