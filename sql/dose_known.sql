-- One row per TSPO class: the dose of the cohort's fills up to each person's exit, and the part that was computed.
with valued as (
    select
        dose.tspo_class,
        dose.ingredient_concept_id,
        dose.person_id,
        dose.fill_date,
        dose.status,
        case
            -- That a missing dose is counted as zero makes it no less missing.
            when dose.rule = 'zero' then null
            when $metric = 'ddd' then dose.days * dose.ddd_per_day
            when $metric = 'tspo_weighted' then dose.days * dose.tspo_per_day
            else dose.days * dose.dme_per_day
        end as units
    from dose
    inner join ingredient_scale on ingredient_scale.ingredient_concept_id = dose.ingredient_concept_id
    where
        dose.status <> 'duplicate'
        and dose.status not like 'out of scope%'
        and ($metric <> 'tspo_weighted' or ingredient_scale.mg_per_tspo is not null)
),

-- What a fill of unknown dose would be worth: as much as the middle one of its ingredient's computed fills.
typical as (
    select valued.ingredient_concept_id, median(valued.units) as units
    from valued
    where valued.status = 'computed'
    group by valued.ingredient_concept_id
)

select
    valued.tspo_class,
    count(*) as fills,
    count(*) filter (where valued.status = 'computed') as fills_computed,
    count(distinct valued.person_id) filter (where valued.status = 'computed') as persons_computed,
    count(distinct valued.person_id) filter (where valued.status <> 'computed') as persons_missing,
    case
        when count(*) = count(coalesce(valued.units, typical.units))
            -- Sums of decimals do not depend on the order of rows.
            then cast(sum(cast(coalesce(valued.units, typical.units) as decimal(38, 9))) as double)
    end as dose,
    cast(
        coalesce(sum(cast(valued.units as decimal(38, 9))) filter (where valued.status = 'computed'), 0) as double
    ) as dose_computed
from valued
inner join cohort on cohort.person_id = valued.person_id
left join typical on typical.ingredient_concept_id = valued.ingredient_concept_id
where valued.fill_date <= cohort.exit_date
group by valued.tspo_class
