-- One row per drug_exposure record of a study drug or of a drug in a concept set: the one scan of that table.
with wanted as (
    select drug_product.drug_concept_id, true as is_study_drug, false as is_of_entry_only
    from drug_product
    union all
    select
        concept_set_member.concept_id as drug_concept_id,
        false as is_study_drug,
        coalesce(covariate_set.is_of_entry_only, false) as is_of_entry_only
    from concept_set_member
    left join covariate_set on covariate_set.concept_set = concept_set_member.concept_set
),

role as (
    select
        wanted.drug_concept_id,
        bool_or(wanted.is_study_drug) as is_study_drug,
        bool_and(wanted.is_of_entry_only) as is_of_entry_only
    from wanted
    group by wanted.drug_concept_id
)

select
    drug_exposure.drug_exposure_id,
    drug_exposure.person_id,
    drug_exposure.drug_concept_id,
    drug_exposure.drug_exposure_start_date as record_date,
    drug_exposure.drug_exposure_end_date as end_date,
    drug_exposure.verbatim_end_date,
    drug_exposure.days_supply,
    drug_exposure.quantity,
    drug_exposure.route_concept_id,
    role.is_study_drug
from drug_exposure
inner join role on role.drug_concept_id = drug_exposure.drug_concept_id
left join entry on entry.person_id = drug_exposure.person_id
semi join person on person.person_id = drug_exposure.person_id
where
    drug_exposure.drug_exposure_start_date is not null
    -- Most records are of drugs of which only the time before entry is asked: the others need not be kept.
    and (not role.is_of_entry_only or drug_exposure.drug_exposure_start_date <= entry.entry_date)
