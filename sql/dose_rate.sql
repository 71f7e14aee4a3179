-- One row per person of the cohort and stretch of supply on which dose accrues: how much of it a day.
select
    supply.person_id,
    supply.ingredient_concept_id,
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
