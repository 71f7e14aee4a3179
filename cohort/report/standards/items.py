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

    @cached_property
    def database(self) -> str:
        """What the CDM is called."""
        return str(self.cdm.get("cdm_source_name") or self.cdm.get("location") or "")

    @cached_property
    def left_out(self) -> str:
        """The criteria with the persons who are left after each."""
        told = [
            f"{step.reason}: {step.persons} left, {step.excluded} left out" for step in steps(self.release.attrition)
        ]
        return "; ".join(told) + "." if told else ""
