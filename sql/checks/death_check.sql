-- One row per CDM: how many rows of death break each rule.
select
    count(*) as records,
    count(*) - count(distinct death.person_id) as duplicates,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where death.death_date is null) as without_date,
    count(*) filter (where death.death_date > $latest_day) as in_future,
    count(*) filter (where death.death_date < life.born_from) as before_birth
from death
left join life on life.person_id = death.person_id
