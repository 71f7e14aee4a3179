"""Reporting standards, filled in from the protocol and the release: the target trial, HARPER and RECORD-PE."""

from cohort.report.standards.fill import filled_in, standards
from cohort.report.standards.items import AUTHORS, Standard
from cohort.report.standards.markdown import as_markdown

__all__ = ["AUTHORS", "Standard", "as_markdown", "filled_in", "standards"]
