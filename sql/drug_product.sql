-- One row per drug concept and study ingredient in it, with the route that its name states, if it states one.
with pair as (
    select concept_ancestor.descendant_concept_id as drug_concept_id, study_ingredient.ingredient_concept_id
    from study_ingredient
    inner join concept_ancestor on concept_ancestor.ancestor_concept_id = study_ingredient.ingredient_concept_id
    union
    select drug_strength.drug_concept_id, study_ingredient.ingredient_concept_id
    from study_ingredient
    inner join drug_strength on drug_strength.ingredient_concept_id = study_ingredient.ingredient_concept_id
    where drug_strength.drug_concept_id is not null
    union
    select study_ingredient.ingredient_concept_id as drug_concept_id, study_ingredient.ingredient_concept_id
    from study_ingredient
),

named as (
    select pair.drug_concept_id, pair.ingredient_concept_id, min(concept.concept_name) as concept_name
    from pair
    left join concept on concept.concept_id = pair.drug_concept_id
    group by pair.drug_concept_id, pair.ingredient_concept_id
)

select
    named.drug_concept_id,
    named.ingredient_concept_id,
    named.concept_name,
    -- A form that is out of scope outranks one that is not: "Oral Solution for Rectal Use" is no tablet.
    coalesce(
        min(dosage_form.route) filter (where not dosage_form.in_scope),
        min(dosage_form.route)
    ) as route,
    bool_and(dosage_form.in_scope) as in_scope
from named
left join dosage_form on position(dosage_form.word in lower(named.concept_name)) > 0
group by
    named.drug_concept_id,
    named.ingredient_concept_id,
    named.concept_name
