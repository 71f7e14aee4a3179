-- One row per outcome, stratum, covariate pattern and event day: who leaves the risk set after it, less who comes in.
with boundary as (
    select
        person_time.person_id,
        person_time.start_day as day,
        -1 as change,
        0 as event,
        0 as death,
        person_time.age_stratum,
        person_time.dose_tspo_binder,
        person_time.dose_tspo_non_binder,
        person_time.dose_tspo_unknown,
        person_time.category_tspo_binder,
        person_time.category_tspo_non_binder,
        person_time.category_tspo_unknown
    from person_time
    union all
    select
        person_time.person_id,
        person_time.stop_day as day,
        1 as change,
        person_time.event,
        person_time.death,
        person_time.age_stratum,
        person_time.dose_tspo_binder,
        person_time.dose_tspo_non_binder,
        person_time.dose_tspo_unknown,
        person_time.category_tspo_binder,
        person_time.category_tspo_non_binder,
        person_time.category_tspo_unknown
    from person_time
),

counted as (
    select
        profile.sex,
        profile.entry_period,
        profile.entry_age_stratum,
        profile.covariates,
        boundary.day - profile.origin_day as day,
        boundary.age_stratum,
        boundary.dose_tspo_binder,
        boundary.dose_tspo_non_binder,
        boundary.dose_tspo_unknown,
        boundary.category_tspo_binder,
        boundary.category_tspo_non_binder,
        boundary.category_tspo_unknown,
        sum(boundary.change) as change,
        sum(boundary.event) as dementia,
        sum(boundary.death) as death
    from boundary
    inner join profile on profile.person_id = boundary.person_id
    group by all
)

select
    event_time.outcome,
    counted.sex,
    counted.entry_period,
    counted.entry_age_stratum,
    counted.covariates,
    counted.age_stratum,
    counted.dose_tspo_binder,
    counted.dose_tspo_non_binder,
    counted.dose_tspo_unknown,
    counted.category_tspo_binder,
    counted.category_tspo_non_binder,
    counted.category_tspo_unknown,
    event_time.event_day,
    cast(sum(counted.change) as bigint) as change,
    cast(sum(case when event_time.outcome = 'dementia' then counted.dementia else counted.death end) as bigint) as events
from counted
inner join event_time
    on
        event_time.sex = counted.sex
        and event_time.entry_period = counted.entry_period
        and event_time.day = counted.day
where event_time.event_day is not null
group by all
having
    sum(counted.change) <> 0
    or sum(case when event_time.outcome = 'dementia' then counted.dementia else counted.death end) <> 0
