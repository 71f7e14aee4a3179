-- One row per fill and study ingredient, the ledger: dose per day of supply, the rule that gave it, and its status.
with judged as (
    select
        fill.drug_exposure_id,
        fill.person_id,
        fill.drug_concept_id,
        fill.ingredient_concept_id,
        fill.fill_date,
        fill.route,
        fill.quantity,
        fill.strength_mg,
        fill.strength_unit,
        fill.strength_rule,
        fill.days_source,
        fill.days_disagree,
        dose_remedy.problem,
        case
            when not fill.in_scope then concat('out of scope: ', fill.route)
            when fill.is_duplicate then 'duplicate'
            when fill.mg is not null and fill.days is not null then 'computed'
            when dose_remedy.mg_per_day is not null then 'imputed'
            else concat('unknown: ', dose_remedy.problem)
        end as status,
        case when dose_remedy.mg_per_day is null then fill.days else dose_remedy.days end as days,
        case
            when dose_remedy.mg_per_day is null then fill.mg
            else dose_remedy.mg_per_day * dose_remedy.days
        end as mg,
        case
            when not fill.in_scope or fill.is_duplicate then null
            else coalesce(dose_remedy.mg_per_day, fill.mg / fill.days)
        end as mg_per_day,
        dose_remedy.rule
    from fill
    left join dose_remedy
        on
            dose_remedy.drug_exposure_id = fill.drug_exposure_id
            and dose_remedy.ingredient_concept_id = fill.ingredient_concept_id
)

select
    judged.drug_exposure_id,
    judged.person_id,
    judged.drug_concept_id,
    judged.ingredient_concept_id,
    ingredient_scale.drug,
    ingredient_scale.tspo_class,
    judged.fill_date,
    judged.route,
    judged.quantity,
    judged.strength_mg,
    judged.strength_unit,
    judged.strength_rule,
    judged.days_source,
    judged.days_disagree,
    judged.days,
    judged.mg,
    judged.mg_per_day,
    judged.mg_per_day / ingredient_scale.mg_per_dme as dme_per_day,
    judged.mg_per_day / ingredient_scale.mg_per_ddd as ddd_per_day,
    judged.mg_per_day / ingredient_scale.mg_per_tspo as tspo_per_day,
    case
        when judged.status = 'computed' then judged.strength_rule
        when judged.status = 'imputed' then judged.rule
        else 'none'
    end as rule,
    judged.problem,
    judged.status
from judged
inner join ingredient_scale on ingredient_scale.ingredient_concept_id = judged.ingredient_concept_id
