"""The report: one page that opens offline, made from a run's released files alone.

In: `release/`, already suppressed. Out: `release/report.html`. Nothing here estimates, suppresses or adds
up what was suppressed; a row that was not released is shown as such.

Figures are matplotlib's, as SVG with the page's colours: Altair draws in the browser, from data that then lie in the page
with a program of a megabyte, and what is drawn by a program is not on paper or in an SVG beside it. Tables are templates
of our own: great-tables 1.1 gives every table 9 kB of style with fixed colours, so nothing turns dark, ids that come again
in the next table of the page, and no place for the class and age by which rows are chosen.
"""

from cohort.report.report import build_report

__all__ = ["build_report"]
