-- One row per CDM: how many rows of person, and how many persons, break each rule.
with written as (
    select
        count(*) as records,
        count(*) - count(distinct person.person_id) as duplicates,
        count(*) filter (where person.year_of_birth is null) as without_birth_year,
        count(*) filter (
            where
            person.year_of_birth is not null
            and (person.month_of_birth is null or person.day_of_birth is null)
        ) as without_birth_day
    from person
),

lived as (
    select
        count(*) filter (where life.first_day is null) as without_observation,
        count(*) filter (where life.born_from > $latest_day) as in_future
    from life
)

select
    written.records,
    written.duplicates,
    written.without_birth_year,
    written.without_birth_day,
    lived.without_observation,
    lived.in_future
from written
cross join lived
