-- One row per concept set: the records of its concepts among conditions and observations, and among drugs.
with record as (
    select condition_occurrence_check.concept_id, condition_occurrence_check.records, 0 as drug_records
    from condition_occurrence_check
    union all
    select observation_check.concept_id, observation_check.records, 0 as drug_records
    from observation_check
    union all
    select drug_exposure_check.concept_id, 0 as records, drug_exposure_check.records as drug_records
    from drug_exposure_check
)

select
    concept_set_member.concept_set,
    cast(coalesce(sum(record.records), 0) as bigint) as records,
    cast(coalesce(sum(record.drug_records), 0) as bigint) as drug_records
from concept_set_member
left join record on record.concept_id = concept_set_member.concept_id
group by concept_set_member.concept_set
