-- One row per fill and study ingredient: its dose per day of supply, the rule that gave it, and its status.
with known as (
    select
        fill.drug_concept_id,
        fill.ingredient_concept_id,
        fill.mg / fill.days as mg_per_day
    from fill
    where fill.form is null and not fill.is_duplicate and fill.mg is not null and fill.days is not null
),

median_of_drug as (
    select known.drug_concept_id, known.ingredient_concept_id, median(known.mg_per_day) as mg_per_day
    from known
    group by known.drug_concept_id, known.ingredient_concept_id
),

median_of_ingredient as (
    select known.ingredient_concept_id, median(known.mg_per_day) as mg_per_day
    from known
    group by known.ingredient_concept_id
),

remedied as (
    select
        fill.drug_exposure_id,
        fill.person_id,
        fill.drug_concept_id,
        fill.ingredient_concept_id,
        fill.fill_date,
        fill.days,
        case
            when fill.form is not null then concat('out of scope: ', fill.form)
            when fill.is_duplicate then 'duplicate'
            when fill.days is null then concat('unknown: ', fill.days_problem)
            when fill.mg is not null then 'computed'
            when $impute and coalesce(median_of_drug.mg_per_day, median_of_ingredient.mg_per_day) is not null
                then 'imputed'
            else concat('unknown: ', fill.mg_problem)
        end as status,
        case
            when fill.mg is not null then fill.strength_rule
            when median_of_drug.mg_per_day is not null then 'median of the drug'
            else 'median of the ingredient'
        end as rule,
        coalesce(fill.mg / fill.days, median_of_drug.mg_per_day, median_of_ingredient.mg_per_day) as mg_per_day
    from fill
    left join median_of_drug
        on
            median_of_drug.drug_concept_id = fill.drug_concept_id
            and median_of_drug.ingredient_concept_id = fill.ingredient_concept_id
    left join median_of_ingredient on median_of_ingredient.ingredient_concept_id = fill.ingredient_concept_id
)

select
    remedied.drug_exposure_id,
    remedied.person_id,
    remedied.drug_concept_id,
    remedied.ingredient_concept_id,
    study_ingredient.drug,
    study_ingredient.tspo_class,
    remedied.fill_date,
    remedied.days,
    case when remedied.status in ('computed', 'imputed') then remedied.mg_per_day end as mg_per_day,
    case when remedied.status in ('computed', 'imputed') then remedied.mg_per_day / study_ingredient.mg_per_dme end
        as dme_per_day,
    case when remedied.status in ('computed', 'imputed') then remedied.mg_per_day / study_ingredient.mg_per_ddd end
        as ddd_per_day,
    case when remedied.status in ('computed', 'imputed') then remedied.rule else 'none' end as rule,
    remedied.status
from remedied
inner join study_ingredient on study_ingredient.ingredient_concept_id = remedied.ingredient_concept_id
