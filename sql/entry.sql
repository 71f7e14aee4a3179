-- One row per person whom some observation period allows to enter: the first such period, and the day of entry.
with candidate as (
    select
        birth.person_id,
        observation_period.observation_period_start_date as period_start_date,
        least(
            observation_period.observation_period_end_date,
            coalesce($study_end, observation_period.observation_period_end_date)
        ) as period_end_date,
        greatest(
            make_date(
                cast(extract(year from birth.birth_date) as integer) + $minimum_age_years,
                cast(extract(month from birth.birth_date) as integer),
                1
            ) + (cast(extract(day from birth.birth_date) as integer) - 1),
            observation_period.observation_period_start_date + $prior_observation_days,
            coalesce($study_start, observation_period.observation_period_start_date)
        ) as entry_date
    from birth
    inner join observation_period on observation_period.person_id = birth.person_id
    where
        observation_period.observation_period_start_date is not null
        and observation_period.observation_period_end_date is not null
)

select candidate.person_id, candidate.entry_date, candidate.period_end_date
from candidate
where candidate.entry_date < candidate.period_end_date
qualify
    row_number() over (
        partition by candidate.person_id
        order by candidate.period_start_date, candidate.period_end_date
    ) = 1
