-- One row per observation concept: its records, and how many of them break each rule: the one scan of observation.
select
    observation.observation_concept_id as concept_id,
    count(*) as records,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where observation.observation_date is null) as without_date,
    count(*) filter (where observation.observation_date > $latest_day) as in_future,
    count(*) filter (where observation.observation_date < life.born_from) as before_birth,
    count(*) filter (where date_diff('day', life.death_date, observation.observation_date) > 30) as after_death,
    count(*) filter (
        where
        life.person_id is not null
        and observation.observation_date is not null
        and (
            life.first_day is null
            or observation.observation_date not between life.first_day and life.last_day
            or unobserved.person_id is not null
        )
    ) as outside_observation
from observation
left join life on life.person_id = observation.person_id
-- Gaps of a person do not overlap, so that a record meets one at most.
left join unobserved
    on
        unobserved.person_id = observation.person_id
        and observation.observation_date between unobserved.from_date and unobserved.to_date
group by observation.observation_concept_id
