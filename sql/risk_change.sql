-- One row per covariate pattern and pair of event days: who leaves the risk set after them, less who comes in.
with one as (
    select
        risk_pattern.pattern,
        risk_pattern.sex,
        risk_pattern.entry_period,
        unnest(risk_pattern.intervals) as interval
    from risk_pattern
),

boundary as (
    select
        one.pattern,
        one.sex,
        one.entry_period,
        one.interval.start_day as day,
        -1 as change,
        0 as event,
        0 as death
    from one
    union all
    select
        one.pattern,
        one.sex,
        one.entry_period,
        one.interval.stop_day as day,
        1 as change,
        one.interval.event,
        one.interval.death
    from one
)

-- The last day with the outcome and the last with death, not later: a day between two of either changes nothing.
select
    boundary.pattern,
    event_time.event_day,
    event_time.death_day,
    cast(sum(boundary.change) as integer) as change,
    cast(sum(boundary.event) as integer) as event,
    cast(sum(boundary.death) as integer) as death
from boundary
inner join event_time
    on
        event_time.sex = boundary.sex
        and event_time.entry_period = boundary.entry_period
        and event_time.day = boundary.day
where event_time.event_day is not null or event_time.death_day is not null
group by boundary.pattern, event_time.event_day, event_time.death_day
having sum(boundary.change) <> 0 or sum(boundary.event) <> 0 or sum(boundary.death) <> 0
