-- One row per person of the cohort and TSPO class with a fill that leaves the exposure unknown: the first day of age.
with fill_day as (
    select
        dose.person_id,
        dose.tspo_class,
        date_diff('day', cohort.birth_date, dose.fill_date) as day
    from dose
    inner join cohort on cohort.person_id = dose.person_id
    inner join ingredient_scale on ingredient_scale.ingredient_concept_id = dose.ingredient_concept_id
    where
        dose.status <> 'duplicate'
        and dose.status not like 'out of scope%'
        and case $metric
            when 'dme' then dose.dme_per_day is null
            when 'ddd' then dose.ddd_per_day is null
            -- A drug whose affinity was never measured has no part in this exposure, known or unknown.
            when 'tspo_weighted' then dose.tspo_per_day is null and ingredient_scale.mg_per_tspo is not null
            when 'intensity' then dose.dme_per_day is null
            when 'fills' then false
            else dose.days is null
        end
        -- Where what is missing counts as zero, it is known to be nothing, on any scale.
        and dose.rule <> 'zero'
)

select fill_day.person_id, fill_day.tspo_class, min(fill_day.day) as day
from fill_day
group by fill_day.person_id, fill_day.tspo_class
