-- One row per person, concept set and day with a record of that set, from conditions, observations and drugs.
with record as (
    select
        condition_occurrence.person_id,
        concept_set_member.concept_set,
        condition_occurrence.condition_start_date as record_date
    from condition_occurrence
    inner join concept_set_member on concept_set_member.concept_id = condition_occurrence.condition_concept_id
    union all
    select observation.person_id, concept_set_member.concept_set, observation.observation_date as record_date
    from observation
    inner join concept_set_member on concept_set_member.concept_id = observation.observation_concept_id
    union all
    select drug_record.person_id, concept_set_member.concept_set, drug_record.record_date
    from drug_record
    inner join concept_set_member on concept_set_member.concept_id = drug_record.drug_concept_id
    left join covariate_set on covariate_set.concept_set = concept_set_member.concept_set
    -- A product with a study drug in it (amitriptyline and chlordiazepoxide) is exposure, and no covariate.
    where not (drug_record.is_study_drug and coalesce(covariate_set.is_of_entry_only, false))
)

select record.person_id, record.concept_set, record.record_date
from record
semi join person on person.person_id = record.person_id
where record.record_date is not null
group by record.person_id, record.concept_set, record.record_date
