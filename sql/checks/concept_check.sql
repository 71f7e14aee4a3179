-- One row per concept that the study names, by drug or concept set: its name here, and what is wrong with it.
with named as (
    select 'drug' as kind, study_drug.drug as asked_by, study_drug.concept_id
    from study_drug
    where study_drug.concept_id is not null
    union all
    select 'concept set' as kind, concept_set_item.concept_set as asked_by, concept_set_item.concept_id
    from concept_set_item
    where not concept_set_item.is_excluded and not concept_set_item.without_hierarchy_only
),

known as (
    select
        concept.concept_id,
        min(concept.concept_name) as concept_name,
        bool_or(concept.standard_concept = 'S') as is_standard,
        bool_or(concept.invalid_reason is not null) as is_invalid
    from concept
    group by concept.concept_id
)

select
    named.kind,
    named.asked_by,
    named.concept_id,
    min(known.concept_name) as concept_name,
    case
        when count(known.concept_id) = 0 then 'absent'
        when bool_or(coalesce(known.is_invalid, false)) then 'invalid'
        when not bool_or(coalesce(known.is_standard, false)) then 'not standard'
        else 'standard'
    end as status
from named
left join known on known.concept_id = named.concept_id
group by named.kind, named.asked_by, named.concept_id
