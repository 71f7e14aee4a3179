-- One row per person of the cohort and age band: the days of age after which time at risk belongs to it, and to the next.
with dated as (
    select
        cohort.person_id,
        age_band.lower_age,
        -- The day before a birthday: an event on the birthday itself still belongs to the younger band.
        date_diff(
            'day',
            cohort.birth_date,
            make_date(
                cast(extract(year from cohort.birth_date) as integer) + age_band.lower_age,
                cast(extract(month from cohort.birth_date) as integer),
                1
            ) + (cast(extract(day from cohort.birth_date) as integer) - 1)
        ) - 1 as day
    from cohort
    cross join age_band
)

select
    dated.person_id,
    dated.lower_age,
    dated.day,
    lead(dated.day) over (partition by dated.person_id order by dated.lower_age) as end_day
from dated
