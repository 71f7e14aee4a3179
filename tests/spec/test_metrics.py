"""What is the exposure of a day, by each metric?

Time is in days of age. The person was born on 1 January 1950, is followed from day 22000 to 22400, and the lag is 0
where it is not the question. Day 22100 is 5 July 2010. The value of an interval is that of the day at its start.
"""

import pytest

from tests.spec.drawn import drawn

COHORT = """
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+-------------------
                    1 | 1950-01-01 | 22000     | 22400    | end of observation
"""
TWICE_TEN_DAYS = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22101     | 10            | 1
                    1 | binder     | 22201     | 10            | 3
"""


def exposure(build, metric, supply=TWICE_TEN_DAYS, **changes):
    """Person-time of the person above, cut by nothing but changes and categories."""
    settings = {"lag_days": 0, "dose_update_days": 365, "cohort": COHORT} | changes
    return build("person_time", metric=metric, supply=supply, **settings)


# --- Sums of dose ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "column"), [("dme", "dme_per_day"), ("ddd", "ddd_per_day"), ("tspo_weighted", "tspo_per_day")]
)
def test_dose_is_the_sum_over_the_days_of_supply(build, metric, column):
    """The metric names the scale: diazepam equivalents, DDDs, or mg by affinity. Supplies at one time add."""
    supply = f"""
            person_id | tspo_class | start_day | accruing_days | {column}
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22101     | 10            | 1/2
                    1 | binder     | 22101     | 10            | 3/2
    """
    assert exposure(build, metric, supply) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22110    | 2                | 1-90
            22110     | 22400    | 20               | 1-90
    """)


def test_a_supply_without_a_place_on_the_scale_adds_nothing(build):
    """What it leaves unknown is told by the class's own category; a dose of zero adds nothing either."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22101     | 10            |
                    1 | binder     | 22201     | 10            | 0
    """
    assert exposure(build, "dme", supply) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22400    | 0                | 0
    """)


def test_a_daily_dose_is_counted_in_billionths(build):
    """1/3 a day for 3 days is 0.999999999: rounded down, so that no dose is carried over a bound that it reaches."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22101     | 3             | 1/3
                    1 | non_binder | 22101     | 3             | 1/400000000
    """
    assert exposure(build, "dme", supply) == drawn("""
            start_day | stop_day | dose_tspo_binder      | dose_tspo_non_binder
            ----------+----------+-----------------------+---------------------
            22000     | 22100    | 0                     | 0
            22100     | 22101    | 0                     | 0
            22101     | 22103    | 333333333/1000000000  | 2/1000000000
            22103     | 22400    | 999999999/1000000000  | 6/1000000000
    """)


# --- Days, fills and the span of use -----------------------------------------------------------------------------


def test_a_day_of_use_counts_once_however_many_drugs_of_the_class_are_taken(build):
    """`days`: forty days with two binders overlapping on twenty of them; whatever the dose, known or not."""
    supply = """
            person_id | ingredient_concept_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+-----------------------+------------+-----------+---------------+------------
                    1 | 723013                | binder     | 22001     | 30            | 1
                    1 | 19055224              | binder     | 22011     | 30            |
                    1 | 798874                | non_binder | 22021     | 10            | 7
    """
    assert exposure(build, "days", supply, category_bounds=(0, 20)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder | dose_tspo_non_binder
            ----------+----------+------------------+----------------------+---------------------
            22000     | 22001    | 0                | 0                    | 0
            22001     | 22020    | 1                | 1-20                 | 0
            22020     | 22021    | 20               | 1-20                 | 0
            22021     | 22030    | 21               | >20                  | 1
            22030     | 22040    | 30               | >20                  | 10
            22040     | 22400    | 40               | >20                  | 10
    """)


def test_a_fill_counts_on_its_day_whatever_is_known_of_it(build):
    """`fills`: computed, imputed or unknown, two on one day as well; no duplicate, and nothing out of scope."""
    dose = """
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+-----------------------------
                    1 | binder     | 2010-07-05 | computed
                    1 | binder     | 2010-07-05 | imputed
                    1 | binder     | 2010-07-15 | unknown: days of supply <= 0
                    1 | binder     | 2010-07-25 | duplicate
                    1 | binder     | 2010-07-25 | out of scope: injectable
                    1 | unknown    | 2010-07-10 | computed
    """
    settings = {"metric": "fills", "lag_days": 0, "category_bounds": (0, 2)}
    assert build("person_time", cohort=COHORT, dose=dose, **settings) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder | dose_tspo_unknown
            ----------+----------+------------------+----------------------+------------------
            22000     | 22100    | 0                | 0                    | 0
            22100     | 22105    | 2                | 1-2                  | 0
            22105     | 22110    | 2                | 1-2                  | 1
            22110     | 22400    | 3                | >2                   | 1
    """)


def test_duration_is_from_the_first_to_the_latest_day_of_use(build):
    """`duration`: it stands still in a break, and takes the break in when use goes on: 10 days, then 101 to 110."""
    assert exposure(build, "duration") == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22110    | 1                | 1-90
            22110     | 22200    | 10               | 1-90
            22200     | 22201    | 10               | 1-90
            22201     | 22210    | 101              | 91-180
            22210     | 22400    | 110              | 91-180
    """)


def test_recency_is_1_on_a_day_of_use_and_grows_by_the_day_after_it(build):
    """`recency`: 0 is never; the categories' names count days since the latest day of use, one less than the value."""
    assert exposure(build, "recency", category_bounds=(0, 1, 31, 91)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22101    | 0                | never
            22101     | 22110    | 1                | current
            22110     | 22111    | 1                | current
            22111     | 22141    | 2                | 1-30 days ago
            22141     | 22200    | 32               | 31-90 days ago
            22200     | 22201    | 91               | 31-90 days ago
            22201     | 22210    | 1                | current
            22210     | 22211    | 1                | current
            22211     | 22241    | 2                | 1-30 days ago
            22241     | 22301    | 32               | 31-90 days ago
            22301     | 22400    | 92               | >90 days ago
    """)


def test_use_before_entry_counts_and_cuts_nothing(build):
    """Ten days up to day 21990: at entry that was ten days ago, and it goes on growing."""
    supply = """
            person_id | tspo_class | start_day | accruing_days
            ----------+------------+-----------+--------------
                    1 | binder     | 21800     | 11
                    1 | binder     | 21981     | 10
    """
    assert exposure(build, "recency", supply, category_bounds=(0, 1, 31)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22021    | 11               | 1-30 days ago
            22021     | 22365    | 32               | >30 days ago
            22365     | 22400    | 376              | >30 days ago
    """)
    assert exposure(build, "duration", supply) == drawn("""
            start_day | stop_day | dose_tspo_binder
            ----------+----------+-----------------
            22000     | 22400    | 191
    """)


# --- Intensity ---------------------------------------------------------------------------------------------------


def test_intensity_is_dose_per_day_of_use(build):
    """`intensity`: 10 days at 1 and 10 at 3 are 2 on average; a break changes nothing. Before the first use it is 0."""
    assert exposure(build, "intensity", category_bounds=(0, 1, 1.5)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22110    | 1                | >0-1
            22110     | 22200    | 1                | >0-1
            22200     | 22201    | 1                | >0-1
            22201     | 22204    | 13/11            | >1-1.5
            22204     | 22210    | 22/14            | >1.5
            22210     | 22400    | 2                | >1.5
    """)


def test_an_intensity_on_a_bound_belongs_below_it_also_when_it_falls(build):
    """10 days at 2, then 30 at 1/2: exactly 1.5 on the fifth of them, exactly 1 on the twentieth, 7/8 at the end."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 10            | 2
                    1 | binder     | 22101     | 30            | 1/2
    """
    assert exposure(build, "intensity", supply, category_bounds=(0, 1, 1.5)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22001    | 0                | 0
            22001     | 22010    | 2                | >1.5
            22010     | 22100    | 2                | >1.5
            22100     | 22105    | 2                | >1.5
            22105     | 22120    | 3/2              | >1-1.5
            22120     | 22130    | 1                | >0-1
            22130     | 22400    | 7/8              | >0-1
    """)


def test_days_of_use_without_dose_thin_the_intensity(build):
    """Where missing doses are counted as zero, their days are days of use all the same."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 10            | 0
                    1 | binder     | 22011     | 10            | 2
    """
    assert exposure(build, "intensity", supply, category_bounds=(0, 0.5)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22010    | 0                | 0
            22010     | 22011    | 0                | 0
            22011     | 22014    | 2/11             | >0-0.5
            22014     | 22020    | 8/14             | >0.5
            22020     | 22400    | 1                | >0.5
    """)


# --- A window instead of the whole life --------------------------------------------------------------------------


def test_in_a_window_only_the_newest_days_count(build):
    """`window_days = 20`: days of use grow to 20, stay there, and fall to 0; a bound is left on the way down too."""
    supply = """
            person_id | tspo_class | start_day | accruing_days
            ----------+------------+-----------+--------------
                    1 | binder     | 22001     | 30
    """
    assert exposure(build, "days", supply, window_days=20, category_bounds=(0, 15)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22001    | 0                | 0
            22001     | 22016    | 1                | 1-15
            22016     | 22020    | 16               | >15
            22020     | 22030    | 20               | >15
            22030     | 22035    | 20               | >15
            22035     | 22050    | 15               | 1-15
            22050     | 22400    | 0                | 0
    """)


@pytest.mark.parametrize(
    ("metric", "column"), [("dme", "dme_per_day"), ("ddd", "ddd_per_day"), ("tspo_weighted", "tspo_per_day")]
)
def test_a_window_ends_a_lag_ago(build, metric, column):
    """Lag 100, window 50: at day 22150 the dose of days 22001 to 22050 counts, at day 22175 that of 22026 to 22075."""
    supply = f"""
            person_id | tspo_class | start_day | accruing_days | {column}
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22041     | 10            | 2
    """
    assert exposure(build, metric, supply, lag_days=100, window_days=50) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22140    | 0                | 0
            22140     | 22141    | 0                | 0
            22141     | 22150    | 2                | 1-90
            22150     | 22190    | 20               | 1-90
            22190     | 22200    | 20               | 1-90
            22200     | 22400    | 0                | 0
    """)


def test_dose_from_before_entry_leaves_the_window_after_it(build):
    """Forty days up to day 21999, window 50: all of them at entry, none from day 22049 on."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 21960     | 40            | 1
    """
    assert exposure(build, "dme", supply, window_days=50) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22009    | 40               | 1-90
            22009     | 22049    | 40               | 1-90
            22049     | 22400    | 0                | 0
    """)


def test_fills_leave_the_window_one_by_one(build):
    """`window_days = 100`: fills of day 22100 and 22150 count up to day 22199 and 22249."""
    dose = """
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2010-07-05 | computed
                    1 | binder     | 2010-08-24 | computed
    """
    assert build("person_time", metric="fills", lag_days=0, window_days=100, cohort=COHORT, dose=dose) == drawn("""
            start_day | stop_day | dose_tspo_binder
            ----------+----------+-----------------
            22000     | 22100    | 0
            22100     | 22150    | 1
            22150     | 22200    | 2
            22200     | 22250    | 1
            22250     | 22400    | 0
    """)


def test_the_intensity_of_a_window_is_its_own_dose_over_its_own_days(build):
    """`window_days = 50`: 1 a day of use as long as one of them is in the window, then nothing, then 3 a day."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 10            | 1
                    1 | binder     | 22101     | 10            | 3
    """
    assert exposure(build, "intensity", supply, window_days=50, category_bounds=(0, 1.5)) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22001    | 0                | 0
            22001     | 22010    | 1                | >0-1.5
            22010     | 22050    | 1                | >0-1.5
            22050     | 22060    | 1                | >0-1.5
            22060     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22110    | 3                | >1.5
            22110     | 22150    | 3                | >1.5
            22150     | 22160    | 3                | >1.5
            22160     | 22400    | 0                | 0
    """)


# --- Where time is cut -------------------------------------------------------------------------------------------


def test_an_exposure_that_changes_is_looked_at_every_so_many_days(build):
    """`dose_update_days`, counted from the last change: sums that grow or fall, duration, intensity and recency."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 70            | 2
    """
    cut = {"category_bounds": (0,), "dose_update_days": 30}
    assert exposure(build, "days", supply, window_days=100, **cut).only(["start_day", "dose_tspo_binder"]) == [
        *[(22000, 0), (22001, 1), (22030, 30), (22060, 60), (22070, 70)],
        *[(22100, 70), (22130, 40), (22160, 10), (22170, 0)],
    ]
    assert exposure(build, "duration", supply, **cut).only(["start_day", "dose_tspo_binder"]) == [
        *[(22000, 0), (22001, 1), (22030, 30), (22060, 60), (22070, 70)]
    ]
    assert exposure(build, "intensity", supply, **cut).only(["start_day", "dose_tspo_binder"]) == [
        *[(22000, 0), (22001, 2), (22030, 2), (22060, 2), (22070, 2)]
    ]
    recency = exposure(build, "recency", supply, category_bounds=(0, 1), dose_update_days=90)
    assert recency.only(["start_day", "dose_tspo_binder"]) == [
        *[(22000, 0), (22001, 1), (22070, 1), (22071, 2), (22160, 91), (22250, 181), (22340, 271)]
    ]


def test_fills_cut_only_on_their_days(build):
    """Between two fills their number does not change, so there is nothing to look at."""
    dose = """
            person_id | tspo_class | fill_date  | status
            ----------+------------+------------+---------
                    1 | binder     | 2000-01-01 | computed
                    1 | binder     | 2010-07-05 | computed
    """
    assert build("person_time", metric="fills", lag_days=0, cohort=COHORT, dose=dose) == drawn("""
            start_day | stop_day | dose_tspo_binder
            ----------+----------+-----------------
            22000     | 22100    | 1
            22100     | 22400    | 2
    """)


def test_a_refill_without_a_gap_cuts_no_days_of_use(build):
    """Two supplies end to end are one period of use, at whatever dose; their dose changes pace, their days do not."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22001     | 10            | 1
                    1 | binder     | 22011     | 10            | 3
    """
    cut = {"category_bounds": (0,)}
    assert exposure(build, "days", supply, **cut).only(["start_day"]) == [(22000,), (22001,), (22020,)]
    assert exposure(build, "dme", supply, **cut).only(["start_day"]) == [(22000,), (22001,), (22010,), (22020,)]


# --- Unknown is never zero ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "unknown"),
    [
        ("dme", "1 | binder | 30"),
        ("intensity", "1 | binder | 30"),
        ("ddd", "1 | binder | 20"),
        ("tspo_weighted", "1 | binder | 40"),
        ("days", "1 | binder | 50"),
        ("duration", "1 | binder | 50"),
        ("recency", "1 | binder | 50"),
        ("fills", ""),
    ],
)
def test_the_first_fill_that_a_metric_cannot_know_makes_its_class_unknown(build, metric, unknown):
    """Sums of dose need a place on their scale, days of use only days, and the number of fills nothing."""
    assert build(
        "dose_unknown",
        metric=metric,
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | ddd_per_day | tspo_per_day | rule   | status
            ----------+-----------------------+------------+------------+------+-------------+-------------+--------------+--------+-----------------------------
                    1 | 723013                | binder     | 1950-01-11 | 30   | 1           | 1           | 1            | amount | computed
                    1 | 723013                | binder     | 1950-01-21 | 30   | 1           |             | 1            | amount | computed
                    1 | 723013                | binder     | 1950-01-31 | 30   |             | 1           | 1            | amount | computed
                    1 | 723013                | binder     | 1950-02-10 | 30   | 1           | 1           |              | amount | computed
                    1 | 723013                | binder     | 1950-02-20 |      |             |             |              | none   | unknown: days of supply <= 0
                    1 | 723013                | binder     | 1950-03-02 |      |             |             |              | none   | unknown: days of supply <= 0
                    1 | 798874                | non_binder | 1950-01-11 |      |             |             |              | none   | duplicate
                    1 | 798874                | non_binder | 1950-01-12 |      |             |             |              | none   | out of scope: injectable
        """,  # noqa: E501 - a fill on every scale
    ) == drawn(f"""
            person_id | tspo_class | day
            ----------+------------+----
            {unknown}
    """)


def test_a_drug_without_a_measured_affinity_has_no_part_in_the_weighted_dose(build):
    """Lorazepam (791967) has no Ki: its fills, known or not, leave that exposure as it is; diazepam's do not."""
    assert build(
        "dose_unknown",
        metric="tspo_weighted",
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | rule | status
            ----------+-----------------------+------------+------------+------+-----------------------------
                    1 | 791967                | unknown    | 1950-01-11 | none | unknown: days of supply <= 0
                    1 | 723013                | binder     | 1950-01-21 | none | unknown: days of supply <= 0
        """,
    ) == drawn("""
            person_id | tspo_class | day
            ----------+------------+----
                    1 | binder     | 20
    """)


@pytest.mark.parametrize("metric", ["dme", "ddd", "tspo_weighted", "days", "fills", "duration", "intensity", "recency"])
def test_a_fill_counted_as_zero_is_known(build, metric):
    """`missing_dose = "zero"`: no dose is a known dose, on any scale and also where its days are not known."""
    assert build(
        "dose_unknown",
        metric=metric,
        cohort=COHORT,
        dose="""
            person_id | ingredient_concept_id | tspo_class | fill_date  | days | dme_per_day | ddd_per_day | tspo_per_day | rule | status
            ----------+-----------------------+------------+------------+------+-------------+-------------+--------------+------+--------
                    1 | 723013                | binder     | 1950-01-11 | 30   | 0           | 0           | 0            | zero | imputed
                    1 | 723013                | binder     | 1950-01-21 |      | 0           | 0           | 0            | zero | imputed
                    1 | 19041746              | unknown    | 1950-01-31 | 30   |             |             |              | zero | imputed
        """,  # noqa: E501 - a fill on every scale
    ) == drawn("""
            person_id | tspo_class | day
            ----------+------------+----
    """)


@pytest.mark.parametrize("metric", ["dme", "days", "duration", "intensity", "recency"])
def test_a_class_stays_unknown_from_the_lagged_day_on(build, metric):
    """Later known fills cannot make it known again; until that day, and in other classes, nothing is lost."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | non_binder | 21000     | 1             | 1
                    1 | binder     | 22201     | 10            | 1
    """
    unknown = """
            person_id | tspo_class | day
            ----------+------------+-----
                    1 | binder     | 22050
    """
    built = exposure(build, metric, supply, lag_days=100, category_bounds=(0, 1), dose_unknown=unknown)
    rows = built.only(["start_day", "dose_tspo_binder", "category_tspo_binder", "category_tspo_non_binder"])
    first = "never" if metric == "recency" else "0"
    assert {row[1:3] for row in rows if row[0] < 22150} == {(0, first)}
    assert {row[1:3] for row in rows if row[0] >= 22150} == {(None, "unknown dose")}
    assert 22150 in [row[0] for row in rows]
    assert {first, "unknown dose"}.isdisjoint(row[3] for row in rows)


def test_an_unknown_exposure_is_cut_only_where_it_would_change_its_course(build):
    """There is no value to look at every so many days, and no category to leave."""
    supply = """
            person_id | tspo_class | start_day | accruing_days
            ----------+------------+-----------+--------------
                    1 | binder     | 22101     | 100
    """
    unknown = """
            person_id | tspo_class | day
            ----------+------------+------
                    1 | binder     | 15000
    """
    assert exposure(build, "days", supply, dose_update_days=30, dose_unknown=unknown) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22100    |                  | unknown dose
            22100     | 22200    |                  | unknown dose
            22200     | 22400    |                  | unknown dose
    """)
