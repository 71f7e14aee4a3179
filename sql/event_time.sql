-- One row per stratum and day on which an interval starts or ends: the last days with each outcome that are not later.
with boundary as (
    select profile.sex, profile.entry_period, exposure_time.start_day - profile.origin_day as day, 0 as event, 0 as death
    from exposure_time
    inner join profile on profile.person_id = exposure_time.person_id
    union all
    select
        profile.sex,
        profile.entry_period,
        exposure_time.stop_day - profile.origin_day as day,
        exposure_time.event,
        exposure_time.death
    from exposure_time
    inner join profile on profile.person_id = exposure_time.person_id
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
