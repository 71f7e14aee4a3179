-- One row per person of the cohort, TSPO class and day of age on which the exposure's course changes, before any lag.
with rate as (
    select
        supply.person_id,
        supply.tspo_class,
        supply.start_day,
        supply.accruing_days,
        -- Billionths of a unit as integers: sums are exact, so no result depends on the order of rows. Rounded down,
        -- so that no dose is carried over the bound that it reaches: 90 tablets in 135 days are 90, not 90.000000045.
        cast(floor(
            1000000000 * case $metric
                when 'dme' then supply.dme_per_day
                when 'intensity' then supply.dme_per_day
                when 'ddd' then supply.ddd_per_day
                when 'tspo_weighted' then supply.tspo_per_day
            end
        ) as bigint) as nano_per_day
    from supply
    semi join cohort on cohort.person_id = supply.person_id
    where supply.accruing_days > 0
),

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
        rate.person_id,
        rate.tspo_class,
        rate.start_day - 1 as day,
        rate.nano_per_day as slope,
        0 as jump,
        0 as use_slope
    from rate
    where rate.nano_per_day <> 0
    union all
    select
        rate.person_id,
        rate.tspo_class,
        rate.start_day - 1 + rate.accruing_days as day,
        -rate.nano_per_day as slope,
        0 as jump,
        0 as use_slope
    from rate
    where rate.nano_per_day <> 0
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
