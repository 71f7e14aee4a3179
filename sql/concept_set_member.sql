-- One row per concept of a concept set: descendants included, exclusions taken out.
with hierarchy as (
    select count(*) > 0 as is_present
    from concept_ancestor
),

item as (
    select
        concept_set_item.concept_set,
        concept_set_item.concept_id,
        concept_set_item.include_descendants,
        concept_set_item.is_excluded
    from concept_set_item
    cross join hierarchy
    where not (concept_set_item.without_hierarchy_only and hierarchy.is_present)
),

resolved as (
    select item.concept_set, item.concept_id, item.is_excluded
    from item
    union all
    select item.concept_set, concept_ancestor.descendant_concept_id as concept_id, item.is_excluded
    from item
    inner join concept_ancestor on concept_ancestor.ancestor_concept_id = item.concept_id
    where item.include_descendants
)

select resolved.concept_set, resolved.concept_id
from resolved
group by resolved.concept_set, resolved.concept_id
having not bool_or(resolved.is_excluded)
