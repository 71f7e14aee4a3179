-- One row per CDM: how many observation periods break each rule.
with period as (
    select
        observation_period.person_id,
        observation_period.observation_period_start_date as start_date,
        observation_period.observation_period_end_date as end_date,
        -- Before an earlier period of the same person has ended.
        observation_period.observation_period_start_date <= max(observation_period.observation_period_end_date) over (
            partition by observation_period.person_id
            order by observation_period.observation_period_start_date, observation_period.observation_period_end_date
            rows between unbounded preceding and 1 preceding
        ) as overlaps
    from observation_period
)

select
    count(*) as records,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where period.start_date is null or period.end_date is null) as without_date,
    count(*) filter (where period.end_date < period.start_date) as end_before_start,
    count(*) filter (where period.overlaps) as overlapping,
    count(*) filter (where period.end_date > $latest_day) as in_future,
    count(*) filter (where period.start_date < life.born_from) as before_birth
from period
left join life on life.person_id = period.person_id
