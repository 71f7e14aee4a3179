-- One row per person of the cohort and covariate recorded on or before entry: days since the latest record.
select
    clinical_record.person_id,
    clinical_record.concept_set,
    min(date_diff('day', clinical_record.record_date, cohort.entry_date)) as days_before
from clinical_record
inner join cohort on cohort.person_id = clinical_record.person_id
semi join covariate_set on covariate_set.concept_set = clinical_record.concept_set
where clinical_record.record_date <= cohort.entry_date
group by clinical_record.person_id, clinical_record.concept_set
