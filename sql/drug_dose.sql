-- One row per interval of person-time and drug of which some has accrued by its start: the lagged dose of that drug.
with change as (
    select
        dose_rate.person_id,
        dose_rate.ingredient_concept_id,
        dose_rate.start_day - 1 + $lag_days as day,
        dose_rate.nano_per_day as slope
    from dose_rate
    where dose_rate.nano_per_day <> 0
    union all
    select
        dose_rate.person_id,
        dose_rate.ingredient_concept_id,
        dose_rate.start_day - 1 + dose_rate.accruing_days + $lag_days as day,
        -dose_rate.nano_per_day as slope
    from dose_rate
    where dose_rate.nano_per_day <> 0
),

-- What leaves a rolling window does so by the same changes with the opposite sign.
windowed as (
    select change.person_id, change.ingredient_concept_id, change.day, change.slope
    from change
    union all
    select
        change.person_id,
        change.ingredient_concept_id,
        change.day + cast($window_days as integer) as day,
        -change.slope as slope
    from change
    where $window_days is not null
),

taken as (
    select windowed.person_id, windowed.ingredient_concept_id, min(windowed.day) as first_day
    from windowed
    group by windowed.person_id, windowed.ingredient_concept_id
),

-- Days of change and starts of intervals on one line: a change on the day of a start has not added anything yet.
mark as (
    select
        windowed.person_id,
        windowed.ingredient_concept_id,
        windowed.day,
        windowed.slope,
        windowed.slope * windowed.day as moment,
        false as is_start
    from windowed
    union all
    select
        taken.person_id,
        taken.ingredient_concept_id,
        person_time.start_day as day,
        0 as slope,
        0 as moment,
        true as is_start
    from person_time
    inner join taken on taken.person_id = person_time.person_id
    where person_time.start_day > taken.first_day
),

-- Slope s from day d on adds s * (t - d) to the dose of day t.
valued as (
    select
        mark.person_id,
        mark.ingredient_concept_id,
        mark.day,
        mark.is_start,
        mark.day * sum(mark.slope) over so_far - sum(mark.moment) over so_far as nano
    from mark
    window so_far as (
        partition by mark.person_id, mark.ingredient_concept_id
        order by mark.day
        rows between unbounded preceding and current row
    )
)

select
    valued.person_id,
    cast(valued.day - profile.origin_day as integer) as start_day,
    study_ingredient.drug,
    cast(valued.nano as bigint) / cast(1000000000 as double) as dose
from valued
inner join profile on profile.person_id = valued.person_id
inner join study_ingredient on study_ingredient.ingredient_concept_id = valued.ingredient_concept_id
where valued.is_start and valued.nano > 0
