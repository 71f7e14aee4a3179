"""The report: one page that opens offline, made from a run's released files alone.

In: `release/`, already suppressed. Out: `release/report.html`. Nothing here estimates, suppresses or adds
up what was suppressed; a row that was not released is shown as such.

Figures are matplotlib's, as SVG in the page's colours: what Altair makes is drawn in the browser by a program, and so
is neither on paper nor in a file beside the page. Tables are templates of our own: great-tables 1.1 gives each of them
9 kB of style with fixed colours, so that nothing turns dark, and ids that come again in the next table of the page; and
it has no place for the class and the age by which rows are chosen.
"""

from cohort.report.report import build_report

__all__ = ["build_report"]
