-- One row per person, concept set and day with a record of that set, from conditions, observations and drugs.
with member as (
    select
        concept_set_member.concept_id,
        concept_set_member.concept_set,
        cast(dense_rank() over (order by concept_set_member.concept_set) as smallint) as set_number
    from concept_set_member
),

record as (
    select
        condition_occurrence.person_id,
        member.set_number,
        condition_occurrence.condition_start_date as record_date
    from condition_occurrence
    inner join member on member.concept_id = condition_occurrence.condition_concept_id
    union all
    select observation.person_id, member.set_number, observation.observation_date as record_date
    from observation
    inner join member on member.concept_id = observation.observation_concept_id
    union all
    select drug_record.person_id, member.set_number, drug_record.record_date
    from drug_record
    inner join member on member.concept_id = drug_record.drug_concept_id
    left join covariate_set on covariate_set.concept_set = member.concept_set
    -- A product with a study drug in it (amitriptyline and chlordiazepoxide) is exposure, and no covariate.
    where not (drug_record.is_study_drug and coalesce(covariate_set.is_of_entry_only, false))
),

-- Sets go by number here: there are more of these rows than of any other, and a name is longer.
distinct_record as (
    select record.person_id, record.set_number, record.record_date
    from record
    semi join person on person.person_id = record.person_id
    where record.record_date is not null
    group by record.person_id, record.set_number, record.record_date
),

named_set as (
    select distinct member.set_number, member.concept_set
    from member
)

select distinct_record.person_id, named_set.concept_set, distinct_record.record_date
from distinct_record
inner join named_set on named_set.set_number = distinct_record.set_number
