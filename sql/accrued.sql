-- One row per interval of person-time and quantity that had accrued by its start: a drug's dose, a class's days of use.
with change as (
    select
        dose_rate.person_id,
        'dose' as quantity,
        study_ingredient.drug as name,
        dose_rate.start_day - 1 + $lag_days as first_day,
        dose_rate.accruing_days as days,
        dose_rate.nano_per_day as slope
    from dose_rate
    inner join study_ingredient on study_ingredient.ingredient_concept_id = dose_rate.ingredient_concept_id
    where dose_rate.nano_per_day <> 0
    union all
    select
        use_period.person_id,
        'days of use' as quantity,
        use_period.tspo_class as name,
        use_period.first_day - 1 + $lag_days as first_day,
        use_period.end_day - use_period.first_day as days,
        1000000000 as slope
    from use_period
),

-- From its first day on a quantity grows, after its days no more; what leaves a rolling window does so the other way.
step as (
    select change.person_id, change.quantity, change.name, change.first_day as day, change.slope
    from change
    union all
    select change.person_id, change.quantity, change.name, change.first_day + change.days as day, -change.slope as slope
    from change
    union all
    select
        change.person_id,
        change.quantity,
        change.name,
        change.first_day + cast($window_days as integer) as day,
        -change.slope as slope
    from change
    where $window_days is not null
    union all
    select
        change.person_id,
        change.quantity,
        change.name,
        change.first_day + change.days + cast($window_days as integer) as day,
        change.slope
    from change
    where $window_days is not null
),

present as (
    select step.person_id, step.quantity, step.name, min(step.day) as first_day
    from step
    group by step.person_id, step.quantity, step.name
),

-- Days of change and starts of intervals on one line: a change on the day of a start has not added anything yet.
mark as (
    select
        step.person_id,
        step.quantity,
        step.name,
        step.day,
        step.slope,
        step.slope * step.day as moment,
        false as is_start
    from step
    union all
    select
        present.person_id,
        present.quantity,
        present.name,
        exposure_time.start_day as day,
        0 as slope,
        0 as moment,
        true as is_start
    from exposure_time
    inner join present on present.person_id = exposure_time.person_id
    where exposure_time.start_day > present.first_day
),

-- Slope s from day d on adds s * (t - d) to the value of day t.
valued as (
    select
        mark.person_id,
        mark.quantity,
        mark.name,
        mark.day,
        mark.is_start,
        mark.day * sum(mark.slope) over so_far - sum(mark.moment) over so_far as nano
    from mark
    window so_far as (
        partition by mark.person_id, mark.quantity, mark.name
        order by mark.day
        rows between unbounded preceding and current row
    )
)

select
    valued.person_id,
    cast(valued.day - profile.origin_day as integer) as start_day,
    valued.quantity,
    valued.name,
    cast(valued.nano as bigint) / cast(1000000000 as double) as amount
from valued
inner join profile on profile.person_id = valued.person_id
where valued.is_start and valued.nano > 0
