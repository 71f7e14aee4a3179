-- One row per concept set: the records of its concepts among conditions, observations and drugs.
with record as (
    select condition_occurrence_check.concept_id, condition_occurrence_check.records
    from condition_occurrence_check
    union all
    select observation_check.concept_id, observation_check.records
    from observation_check
    union all
    select drug_exposure_check.concept_id, drug_exposure_check.records
    from drug_exposure_check
)

select concept_set_member.concept_set, cast(coalesce(sum(record.records), 0) as bigint) as records
from concept_set_member
left join record on record.concept_id = concept_set_member.concept_id
group by concept_set_member.concept_set
