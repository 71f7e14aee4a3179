-- One row per stratum and day on which an interval starts or ends: the last days with each outcome that are not later.
with one as (
    select risk_pattern.sex, risk_pattern.entry_period, unnest(risk_pattern.intervals) as interval
    from risk_pattern
),

boundary as (
    select one.sex, one.entry_period, one.interval.start_day as day, 0 as event, 0 as death
    from one
    union all
    select one.sex, one.entry_period, one.interval.stop_day as day, one.interval.event, one.interval.death
    from one
),

happening as (
    select boundary.sex, boundary.entry_period, boundary.day, max(boundary.event) as event, max(boundary.death) as death
    from boundary
    group by boundary.sex, boundary.entry_period, boundary.day
)

select
    happening.sex,
    happening.entry_period,
    happening.day,
    max(case when happening.event = 1 then happening.day end) over so_far as event_day,
    max(case when happening.death = 1 then happening.day end) over so_far as death_day
from happening
window so_far as (partition by happening.sex, happening.entry_period order by happening.day)
