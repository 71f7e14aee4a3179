-- One row per CDM: visits, and those of them that are a stay in hospital.
select
    cast(coalesce(sum(visit_occurrence_check.records), 0) as bigint) as visits,
    cast(coalesce(
        sum(visit_occurrence_check.records) filter (where inpatient_visit.visit_concept_id is not null), 0
    ) as bigint) as stays
from visit_occurrence_check
left join inpatient_visit on inpatient_visit.visit_concept_id = visit_occurrence_check.concept_id
