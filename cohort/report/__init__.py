"""The report: one page that opens offline, made from a run's released files alone.

In: `release/`, already suppressed. Out: `release/report.html`. Nothing here estimates, suppresses or adds
up what was suppressed; a row that was not released is shown as such.
"""

from cohort.report.report import build_report

__all__ = ["build_report"]
