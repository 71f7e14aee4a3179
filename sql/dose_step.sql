-- One row per person of the cohort, TSPO class and day of age on which the exposure's course changes, before any lag.
with
-- A course of days of use: its own first and last day, and the days without any before it.
period as (
    select
        use_period.person_id,
        use_period.tspo_class,
        use_period.first_day,
        use_period.end_day,
        use_period.first_day - lag(use_period.end_day) over (
            partition by use_period.person_id, use_period.tspo_class
            order by use_period.first_day
        ) as break_days
    from use_period
),

filled as (
    select dose.person_id, dose.tspo_class, date_diff('day', cohort.birth_date, dose.fill_date) as day
    from dose
    inner join cohort on cohort.person_id = dose.person_id
    where $metric = 'fills' and dose.status <> 'duplicate' and dose.status not like 'out of scope%'
),

-- From `day` on the exposure grows by `slope` a day more than before; on `day` itself it jumps.
change as (
    select
        dose_rate.person_id,
        dose_rate.tspo_class,
        dose_rate.start_day - 1 as day,
        dose_rate.nano_per_day as slope,
        0 as jump,
        0 as use_slope
    from dose_rate
    where dose_rate.nano_per_day <> 0
    union all
    select
        dose_rate.person_id,
        dose_rate.tspo_class,
        dose_rate.start_day - 1 + dose_rate.accruing_days as day,
        -dose_rate.nano_per_day as slope,
        0 as jump,
        0 as use_slope
    from dose_rate
    where dose_rate.nano_per_day <> 0
    union all
    select
        period.person_id,
        period.tspo_class,
        period.first_day - 1 as day,
        case $metric
            when 'days' then 1000000000
            when 'duration' then 1000000000
            when 'recency' then case when period.break_days is null then 0 else -1000000000 end
            else 0
        end as slope,
        0 as jump,
        case when $metric = 'intensity' then 1 else 0 end as use_slope
    from period
    where $metric in ('days', 'duration', 'recency', 'intensity')
    union all
    select
        period.person_id,
        period.tspo_class,
        period.end_day - 1 as day,
        case $metric
            when 'days' then -1000000000
            when 'duration' then -1000000000
            when 'recency' then 1000000000
            else 0
        end as slope,
        0 as jump,
        case when $metric = 'intensity' then -1 else 0 end as use_slope
    from period
    where $metric in ('days', 'duration', 'recency', 'intensity')
    union all
    -- The span of use takes in a break when it is over; recency starts at one, and returns to it.
    select
        period.person_id,
        period.tspo_class,
        period.first_day as day,
        0 as slope,
        1000000000 * cast(
            case
                when $metric = 'duration' then coalesce(period.break_days, 0)
                when period.break_days is null then 1
                else -period.break_days
            end as bigint
        ) as jump,
        0 as use_slope
    from period
    where $metric in ('duration', 'recency')
    union all
    select filled.person_id, filled.tspo_class, filled.day, 0 as slope, 1000000000 as jump, 0 as use_slope
    from filled
),

summed as (
    select
        change.person_id,
        change.tspo_class,
        cast(change.day as integer) as day,
        cast(sum(change.slope) as bigint) as slope,
        cast(sum(change.jump) as bigint) as jump,
        cast(sum(change.use_slope) as integer) as use_slope
    from change
    group by change.person_id, change.tspo_class, change.day
)

select summed.person_id, summed.tspo_class, summed.day, summed.slope, summed.jump, summed.use_slope
from summed
where summed.slope <> 0 or summed.jump <> 0 or summed.use_slope <> 0
