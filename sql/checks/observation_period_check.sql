-- One row per CDM: how many observation periods break each rule.
with period as (
    select
        observation_period.person_id,
        observation_period.observation_period_start_date as start_date,
        observation_period.observation_period_end_date as end_date,
        observation_period.observation_period_start_date <= observation_period.observation_period_end_date as is_read
    from observation_period
),

placed as (
    select
        period.person_id,
        period.start_date,
        period.end_date,
        -- Before an earlier period of the same person has ended.
        period.is_read and period.start_date <= max(case when period.is_read then period.end_date end) over (
            partition by period.person_id
            order by period.start_date, period.end_date
            rows between unbounded preceding and 1 preceding
        ) as overlaps
    from period
)

select
    count(*) as records,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where placed.start_date is null or placed.end_date is null) as without_date,
    count(*) filter (where placed.end_date < placed.start_date) as end_before_start,
    count(*) filter (where placed.overlaps) as overlapping,
    count(*) filter (where placed.end_date > $latest_day) as in_future,
    count(*) filter (where placed.start_date < life.born_from) as before_birth
from placed
left join life on life.person_id = placed.person_id
