"""How is a person's time at risk cut into intervals, and what does each of them say?

Time is in days of age, intervals are (start, stop]. Born on 1 January 1950, a person is 65 on day 23741, 75 on day
27394 and 85 on day 31046. The lag is set to 0 where it is not the question.
"""

import pytest

from tests.spec.drawn import drawn

each_class = pytest.mark.parametrize("tspo_class", ["binder", "non_binder", "unknown"])

COHORT = """
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+-------------------
                    1 | 1950-01-01 | 22000     | 22400    | end of observation
"""


def test_intervals_tile_the_time_from_entry_to_exit(build):
    """They start at entry, each starts where the one before stops, and the last stops at exit."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day | sex    | index_year
            ----------+------------+-----------+----------+--------+-----------
                    1 | 1950-01-01 | 22000     | 32000    | Female | 2010
        """,
    ) == drawn("""
            person_id | start_day | stop_day | age_stratum | sex    | index_year
            ----------+-----------+----------+-------------+--------+-----------
                    1 | 22000     | 23740    | 50 to 64    | Female | 2010
                    1 | 23740     | 27393    | 65 to 74    | Female | 2010
                    1 | 27393     | 31045    | 75 to 84    | Female | 2010
                    1 | 31045     | 32000    | 85 and over | Female | 2010
    """)


def test_an_event_on_the_65th_birthday_belongs_to_65_to_74(build):
    """The cut is the eve of the birthday, so that the birthday is the first day of the older band."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+------------
                    1 | 1950-01-01 | 22000     | 23741    | dementia
        """,
    ) == drawn("""
            start_day | stop_day | age_stratum | event
            ----------+----------+-------------+------
            22000     | 23740    | 50 to 64    | 0
            23740     | 23741    | 65 to 74    | 1
    """)


def test_an_event_on_the_eve_of_the_65th_birthday_belongs_to_50_to_64(build):
    """No interval of the older band is left behind."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+------------
                    1 | 1950-01-01 | 22000     | 23740    | dementia
        """,
    ) == drawn("""
            start_day | stop_day | age_stratum | event
            ----------+----------+-------------+------
            22000     | 23740    | 50 to 64    | 1
    """)


def test_who_enters_on_a_65th_birthday_was_never_50_to_64(build):
    """Time starts in the band of entry."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1950-01-01 | 23741     | 24000
        """,
    ) == drawn("""
            start_day | stop_day | age_stratum
            ----------+----------+------------
            23741     | 24000    | 65 to 74
    """)


def test_who_is_born_on_29_february_turns_65_on_1_march(build):
    """2017 is a common year: the birthday is day 23742, and its eve is 28 February."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1952-02-29 | 23000     | 24000
        """,
    ) == drawn("""
            start_day | stop_day | age_stratum
            ----------+----------+------------
            23000     | 23741    | 50 to 64
            23741     | 24000    | 65 to 74
    """)


def test_age_bands_are_a_choice_of_the_protocol(build):
    """Each band starts at a lower age; the last one is open."""
    assert build(
        "person_time",
        age_bands=(50, 75),
        cohort="""
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1950-01-01 | 22000     | 32000
        """,
    ) == drawn("""
            start_day | stop_day | age_stratum
            ----------+----------+------------
            22000     | 27393    | 50 to 74
            27393     | 32000    | 75 and over
    """)


def test_only_the_last_interval_ends_in_the_event(build):
    """Dementia is an event, death is a competing event, and the end of observation is neither."""
    assert build(
        "person_time",
        cohort="""
            person_id | birth_date | entry_day | exit_day | exit_reason
            ----------+------------+-----------+----------+-------------------
                    1 | 1950-01-01 | 23000     | 24000    | dementia
                    2 | 1950-01-01 | 23000     | 24000    | death
                    3 | 1950-01-01 | 23000     | 24000    | end of observation
        """,
    ) == drawn("""
            person_id | start_day | stop_day | event | death
            ----------+-----------+----------+-------+------
                    1 | 23000     | 23740    | 0     | 0
                    1 | 23740     | 24000    | 1     | 0
                    2 | 23000     | 23740    | 0     | 0
                    2 | 23740     | 24000    | 0     | 1
                    3 | 23000     | 23740    | 0     | 0
                    3 | 23740     | 24000    | 0     | 0
    """)


def test_dementia_and_death_on_one_day_are_one_event_and_no_death(build):
    """The two outcomes never both end an interval, or the person would be counted twice."""
    assert build(
        "person_time",
        person="""
            person_id | gender_concept_id
            ----------+------------------
                    1 | 8507
        """,
        birth="""
            person_id | birth_date
            ----------+-----------
                    1 | 1950-01-01
        """,
        entry="""
            person_id | entry_date | period_end_date
            ----------+------------+----------------
                    1 | 2012-01-01 | 2019-12-31
        """,
        outcome="""
            person_id | outcome_date
            ----------+-------------
                    1 | 2013-01-01
        """,
        death="""
            person_id | death_date
            ----------+-----------
                    1 | 2013-01-01
        """,
    ) == drawn("""
            start_day | stop_day | event | death
            ----------+----------+-------+------
            22645     | 23011    | 1     | 0
    """)


@each_class
def test_a_growing_dose_is_looked_at_every_30_days_and_to_the_day_on_which_it_leaves_a_category(build, tspo_class):
    """A unit a day from day 22101: a dose of exactly 90 still belongs to 1-90, and 91 starts the next category."""
    assert build(
        "person_time",
        lag_days=0,
        cohort=COHORT,
        supply=f"""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | {tspo_class} | 22101     | 100           | 1
        """,
    ) == drawn(f"""
            start_day | stop_day | dose_tspo_{tspo_class} | category_tspo_{tspo_class}
            ----------+----------+------------------+---------------------
            22000     | 22100    | 0                | 0
            22100     | 22101    | 0                | 0
            22101     | 22130    | 1                | 1-90
            22130     | 22160    | 30               | 1-90
            22160     | 22190    | 60               | 1-90
            22190     | 22191    | 90               | 1-90
            22191     | 22200    | 91               | 91-180
            22200     | 22400    | 100              | 91-180
    """)


def test_a_dose_that_does_not_grow_is_not_cut(build):
    """Between supplies and after the last one, one interval says it all, however long it is."""
    assert build(
        "person_time",
        lag_days=0,
        cohort=COHORT,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 21001     | 366           | 1
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder
            ----------+----------+------------------+---------------------
            22000     | 22400    | 366              | >365
    """)


def test_updates_are_counted_from_the_last_change_of_the_dose_s_pace(build):
    """Thirty days after the pace changed, and again; the change itself is a cut."""
    assert build(
        "person_time",
        lag_days=0,
        cohort=COHORT,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 21991     | 50            | 1
                    1 | binder     | 22041     | 35            | 1/2
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder
            ----------+----------+-----------------
            22000     | 22030    | 10
            22030     | 22040    | 40
            22040     | 22070    | 50
            22070     | 22075    | 65
            22075     | 22400    | 67.5
    """)


def test_a_refill_at_the_same_pace_leaves_no_trace(build):
    """Where one supply follows another at the same dose a day, nothing changes, so nothing is cut."""
    supply = """
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22000     | 30            | 1
                    1 | binder     | 22030     | 30            | 1
    """
    assert build("dose_step", cohort=COHORT, supply=supply) == drawn("""
            tspo_class | day   | slope       | jump
            -----------+-------+-------------+-----
            binder     | 21999 | 1000000000  | 0
            binder     | 22059 | -1000000000 | 0
    """)
    assert build("person_time", lag_days=0, dose_update_days=365, cohort=COHORT, supply=supply) == drawn("""
            start_day | stop_day | dose_tspo_binder
            ----------+----------+-----------------
            22000     | 22059    | 1
            22059     | 22400    | 60
    """)


def test_doses_of_one_class_add_and_classes_are_kept_apart(build):
    """Two binders at a time are one faster dose of binders; other classes have doses of their own."""
    assert build(
        "person_time",
        lag_days=0,
        dose_update_days=365,
        cohort=COHORT,
        supply="""
            person_id | ingredient_concept_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+-----------------------+------------+-----------+---------------+------------
                    1 | 723013                | binder     | 21991     | 20            | 1
                    1 | 19055224              | binder     | 21991     | 20            | 2
                    1 | 798874                | non_binder | 21991     | 20            | 1/4
                    1 | 791967                | unknown    | 21991     | 20            | 1/2
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder | dose_tspo_non_binder | dose_tspo_unknown
            ----------+----------+------------------+----------------------+------------------
            22000     | 22010    | 30               | 2.5                  | 5
            22010     | 22400    | 60               | 5                    | 10
    """)


def test_the_metric_chooses_the_scale_of_the_dose(build):
    """`metric = "ddd"`: the same fills on the WHO's scale, in the same columns."""
    assert build(
        "person_time",
        lag_days=0,
        metric="ddd",
        cohort=COHORT,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day | ddd_per_day
            ----------+------------+-----------+---------------+-------------+------------
                    1 | non_binder | 21001     | 160           | 4           | 1/4
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_non_binder | category_tspo_non_binder
            ----------+----------+----------------------+-------------------------
            22000     | 22400    | 40                   | 1-90
    """)


def test_dose_is_unknown_from_the_lagged_day_of_the_first_unknown_fill(build):
    """From then on the class has no dose and a category of its own, to the end; before it nothing is lost."""
    assert build(
        "person_time",
        lag_days=100,
        cohort=COHORT,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 21001     | 50            | 1
        """,
        dose_unknown="""
            person_id | tspo_class | day
            ----------+------------+------
                    1 | binder     | 22050
        """,
    ) == drawn("""
            start_day | stop_day | dose_tspo_binder | category_tspo_binder | category_tspo_non_binder
            ----------+----------+------------------+----------------------+-------------------------
            22000     | 22150    | 50               | 1-90                 | 0
            22150     | 22400    |                  | unknown dose         | 0
    """)


@each_class
def test_an_unknown_fill_before_entry_leaves_no_known_time(build, tspo_class):
    """Its lag is over at entry: the person is never counted as unexposed, in no age band."""
    assert build(
        "person_time",
        lag_days=100,
        cohort="""
            person_id | birth_date | entry_day | exit_day
            ----------+------------+-----------+---------
                    1 | 1950-01-01 | 22000     | 24000
        """,
        dose_unknown=f"""
            person_id | tspo_class | day
            ----------+------------+------
                    1 | {tspo_class} | 15000
        """,
    ) == drawn(f"""
            start_day | stop_day | dose_tspo_{tspo_class} | category_tspo_{tspo_class}
            ----------+----------+------------------------+---------------------------
            22000     | 23740    |                        | unknown dose
            23740     | 24000    |                        | unknown dose
    """)


def test_a_class_of_unknown_dose_is_cut_only_where_its_pace_changes(build):
    """There is no dose to look at every 30 days, and no category to leave."""
    assert build(
        "person_time",
        lag_days=0,
        cohort=COHORT,
        supply="""
            person_id | tspo_class | start_day | accruing_days | dme_per_day
            ----------+------------+-----------+---------------+------------
                    1 | binder     | 22101     | 100           | 1
        """,
        dose_unknown="""
            person_id | tspo_class | day
            ----------+------------+------
                    1 | binder     | 15000
        """,
    ) == drawn("""
            start_day | stop_day | category_tspo_binder
            ----------+----------+---------------------
            22000     | 22100    | unknown dose
            22100     | 22200    | unknown dose
            22200     | 22400    | unknown dose
    """)
