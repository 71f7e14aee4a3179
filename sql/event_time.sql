-- One row per outcome, stratum and day on which an interval starts or ends: the last event time that is not later.
with boundary as (
    select profile.sex, profile.entry_period, person_time.start_day - profile.origin_day as day, 0 as event, 0 as death
    from person_time
    inner join profile on profile.person_id = person_time.person_id
    union all
    select
        profile.sex,
        profile.entry_period,
        person_time.stop_day - profile.origin_day as day,
        person_time.event,
        person_time.death
    from person_time
    inner join profile on profile.person_id = person_time.person_id
),

happening as (
    select boundary.sex, boundary.entry_period, boundary.day, max(boundary.event) as dementia, max(boundary.death) as death
    from boundary
    group by boundary.sex, boundary.entry_period, boundary.day
),

of_outcome as (
    select 'dementia' as outcome, happening.sex, happening.entry_period, happening.day, happening.dementia as happens
    from happening
    union all
    select 'death' as outcome, happening.sex, happening.entry_period, happening.day, happening.death as happens
    from happening
)

select
    of_outcome.outcome,
    of_outcome.sex,
    of_outcome.entry_period,
    of_outcome.day,
    max(case when of_outcome.happens = 1 then of_outcome.day end) over (
        partition by of_outcome.outcome, of_outcome.sex, of_outcome.entry_period
        order by of_outcome.day
    ) as event_day
from of_outcome
