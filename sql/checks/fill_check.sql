-- One row per study drug: its fills, and how many of them have what a dose needs.
select
    ingredient_scale.drug,
    ingredient_scale.tspo_class,
    cast(sum(drug_exposure_check.records) as bigint) as fills,
    cast(coalesce(
        sum(drug_exposure_check.records) filter (where strength.strength_mg is not null), 0
    ) as bigint) as with_strength,
    cast(sum(drug_exposure_check.with_quantity) as bigint) as with_quantity,
    cast(sum(drug_exposure_check.with_days) as bigint) as with_days,
    cast(coalesce(
        sum(drug_exposure_check.with_both) filter (where strength.strength_mg is not null), 0
    ) as bigint) as with_all
from ingredient_scale
inner join strength on strength.ingredient_concept_id = ingredient_scale.ingredient_concept_id
inner join drug_exposure_check on drug_exposure_check.concept_id = strength.drug_concept_id
group by ingredient_scale.drug, ingredient_scale.tspo_class
