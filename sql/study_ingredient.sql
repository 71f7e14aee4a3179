-- One row per study drug that has a concept here; a drug without a known id is looked up by its name.
with named as (
    select lower(concept.concept_name) as drug, min(concept.concept_id) as concept_id
    from concept
    where concept.concept_class_id = 'Ingredient' and concept.standard_concept = 'S'
    group by lower(concept.concept_name)
)

select
    study_drug.drug,
    coalesce(study_drug.concept_id, named.concept_id) as ingredient_concept_id
from study_drug
left join named on study_drug.concept_id is null and named.drug = replace(study_drug.drug, '_', ' ')
where coalesce(study_drug.concept_id, named.concept_id) is not null
