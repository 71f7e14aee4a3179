-- One row per person of the cohort and concept set recorded on or before entry.
select clinical_record.person_id, clinical_record.concept_set
from clinical_record
inner join cohort on cohort.person_id = clinical_record.person_id
where clinical_record.record_date <= cohort.entry_date
group by clinical_record.person_id, clinical_record.concept_set
