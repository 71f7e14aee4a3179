-- One row per person of the cohort and age band: the day of age after which time at risk belongs to the band.
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
