"""Which dose is known at a day, when the newest dose does not count?

Time is in days of age. A supply of one unit a day that starts on day s gives its first unit on day s.
"""

import pytest

from tests.spec.drawn import drawn

A_DAY_AT_22000 = """
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1950-01-01 | 22000     | 22001
"""
FOLLOWED = """
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1950-01-01 | 22000     | 22400
"""


@pytest.mark.parametrize(("lag_days", "dose"), [(0, 30), (69, 30), (70, 30), (71, 29), (90, 10), (99, 1), (100, 0)])
def test_the_dose_of_a_day_is_what_had_accrued_a_lag_before(build, lag_days, dose):
    """Thirty days at one unit, the first 99 days ago: with a lag of 90 days ten of them count, with 100 none."""
    assert build(
        "person_time",
        lag_days=lag_days,
        cohort=A_DAY_AT_22000,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 21901     | 30            | 1
        """,
    ) == drawn(f"""
            start_day | dose_tspo_binder
            ----------+-----------------
            22000     | {dose}
    """)


def test_the_first_day_of_a_supply_counts_exactly_a_lag_later(build):
    """A supply from day 22001 and a lag of 100: still nothing at day 22100, one unit at day 22101."""
    assert build(
        "person_time",
        lag_days=100,
        dose_update_days=365,
        cohort=FOLLOWED,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 30            | 1
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22130    | 1                | 1-90
            22130     | 22400    | 30               | 1-90
    """)


def test_dose_from_before_entry_counts(build):
    """Entry starts the clock of risk, not of exposure: what was taken earlier, a lag ago, is part of the dose."""
    assert build(
        "person_time",
        lag_days=100,
        cohort=FOLLOWED,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 20000     | 300           | 1/2
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22400    | 150              | 91-180
    """)


def test_a_fill_within_the_lag_before_exit_never_counts(build):
    """Three years by default: whatever is given for the first signs of dementia leaves the dose as it was."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+------------
                    1 | 1950-01-01 | 22000     | 23000    | dementia
        """,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22000     | 900           | 1
        """,
    ) == drawn("""
            start_day | stop_day | event | dose_tspo_binder | category_tspo_binder
            ----------+----------+-------+------------------+---------------------
            22000     | 23000    | 1     | 0                | 0
    """)


def test_no_interval_knows_what_comes_after_its_start(build):
    """The second supply is another one in each world; the intervals that start before it counts are the same."""

    expected = [(22000, 0, 0, 0), (22100, 0, 0, 0), (22101, 1, 0, 0), (22130, 30, 0, 0), (22145, 45, 0, 0)]
    for second_supply in ("binder | 22200 | 30 | 2", "non_binder | 22250 | 90 | 1", "unknown | 22280 | 1 | 9"):
        rows = build(
            "person_time",
            lag_days=100,
            cohort=FOLLOWED,
            supply=f"""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 45            | 1
                    1 | {second_supply}
            """,
        ).only(["start_day", "dose_tspo_binder", "dose_tspo_non_binder", "dose_tspo_unknown"])
        assert [row for row in rows if row[0] < 22200 - 1 + 100] == expected
