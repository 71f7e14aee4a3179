-- One row per condition concept: its records, and how many of them break each rule: the one scan of condition_occurrence.
select
    condition_occurrence.condition_concept_id as concept_id,
    count(*) as records,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where condition_occurrence.condition_start_date is null) as without_date,
    count(*) filter (where condition_occurrence.condition_start_date > $latest_day) as in_future,
    count(*) filter (where condition_occurrence.condition_start_date < life.born_from) as before_birth,
    count(*) filter (where date_diff('day', life.death_date, condition_occurrence.condition_start_date) > 30) as after_death,
    count(*) filter (
        where
        life.person_id is not null
        and condition_occurrence.condition_start_date is not null
        and (
            life.first_day is null
            or condition_occurrence.condition_start_date not between life.first_day and life.last_day
            or unobserved.person_id is not null
        )
    ) as outside_observation
from condition_occurrence
left join life on life.person_id = condition_occurrence.person_id
-- Gaps of a person do not overlap, so that a record meets one at most.
left join unobserved
    on
        unobserved.person_id = condition_occurrence.person_id
        and condition_occurrence.condition_start_date between unobserved.from_date and unobserved.to_date
group by condition_occurrence.condition_concept_id
