-- One row per person of the cohort and age band: the days of age after which time at risk belongs to it, and to the next.
with band as (
    select age_band.lower_age, lead(age_band.lower_age) over (order by age_band.lower_age) as next_age
    from age_band
),

dated as (
    select
        cohort.person_id,
        band.lower_age,
        cohort.birth_date,
        make_date(
            cast(extract(year from cohort.birth_date) as integer) + band.lower_age,
            cast(extract(month from cohort.birth_date) as integer),
            1
        ) + (cast(extract(day from cohort.birth_date) as integer) - 1) as birthday,
        make_date(
            cast(extract(year from cohort.birth_date) as integer) + band.next_age,
            cast(extract(month from cohort.birth_date) as integer),
            1
        ) + (cast(extract(day from cohort.birth_date) as integer) - 1) as next_birthday
    from cohort
    cross join band
)

-- The day before a birthday: an event on the birthday itself still belongs to the younger band.
select
    dated.person_id,
    dated.lower_age,
    date_diff('day', dated.birth_date, dated.birthday) - 1 as day,
    date_diff('day', dated.birth_date, dated.next_birthday) - 1 as end_day
from dated
