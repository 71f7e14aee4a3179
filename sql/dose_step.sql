-- One row per person, TSPO class and day of age on which the class's dose per day changes, before any lag.
with change as (
    select supply.person_id, supply.tspo_class, supply.start_day - 1 as day, supply.dme_per_day, supply.ddd_per_day
    from supply
    where supply.accruing_days > 0
    union all
    select
        supply.person_id,
        supply.tspo_class,
        supply.start_day - 1 + supply.accruing_days as day,
        -supply.dme_per_day as dme_per_day,
        -supply.ddd_per_day as ddd_per_day
    from supply
    where supply.accruing_days > 0
),

-- Billionths of a unit as integers: sums are exact, so no result depends on the order of rows.
summed as (
    select
        change.person_id,
        change.tspo_class,
        change.day,
        cast(sum(cast(round(coalesce(change.dme_per_day, 0) * 1000000000) as bigint)) as bigint) as dme_change_nano,
        cast(sum(cast(round(coalesce(change.ddd_per_day, 0) * 1000000000) as bigint)) as bigint) as ddd_change_nano
    from change
    semi join cohort on cohort.person_id = change.person_id
    group by change.person_id, change.tspo_class, change.day
)

select summed.person_id, summed.tspo_class, summed.day, summed.dme_change_nano, summed.ddd_change_nano
from summed
where summed.dme_change_nano <> 0 or summed.ddd_change_nano <> 0
