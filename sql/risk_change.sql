-- One row per covariate pattern and pair of event days: who leaves the risk set after them, less who comes in.
with interval as (
    select
        risk_pattern.pattern,
        profile.sex,
        profile.entry_period,
        exposure_time.start_day - profile.origin_day as start_day,
        exposure_time.stop_day - profile.origin_day as stop_day,
        exposure_time.event,
        exposure_time.death
    from exposure_time
    inner join profile on profile.person_id = exposure_time.person_id
    -- Everybody has a pattern; a left join comes last, for persons x patterns of their covariates would be far too many.
    left join risk_pattern
        on
            risk_pattern.sex = profile.sex
            and risk_pattern.entry_period = profile.entry_period
            and risk_pattern.entry_age_stratum = profile.entry_age_stratum
            and risk_pattern.covariates = profile.covariates
            and risk_pattern.age_stratum = exposure_time.age_stratum
            and risk_pattern.dose_tspo_binder is not distinct from exposure_time.dose_tspo_binder
            and risk_pattern.dose_tspo_non_binder is not distinct from exposure_time.dose_tspo_non_binder
            and risk_pattern.dose_tspo_unknown is not distinct from exposure_time.dose_tspo_unknown
            and risk_pattern.category_tspo_binder = exposure_time.category_tspo_binder
            and risk_pattern.category_tspo_non_binder = exposure_time.category_tspo_non_binder
            and risk_pattern.category_tspo_unknown = exposure_time.category_tspo_unknown
),

boundary as (
    select
        interval.pattern,
        interval.sex,
        interval.entry_period,
        interval.start_day as day,
        -1 as change,
        0 as event,
        0 as death
    from interval
    union all
    select
        interval.pattern,
        interval.sex,
        interval.entry_period,
        interval.stop_day as day,
        1 as change,
        interval.event,
        interval.death
    from interval
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
