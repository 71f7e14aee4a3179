-- One row per study drug that has a concept here: its TSPO class, and the mg that make one unit of each dose scale.
select
    study_ingredient.ingredient_concept_id,
    study_ingredient.drug,
    drug_scale.tspo_class,
    drug_scale.mg_per_dme,
    drug_scale.mg_per_ddd,
    drug_scale.mg_per_tspo
from study_ingredient
inner join drug_scale on drug_scale.drug = study_ingredient.drug
