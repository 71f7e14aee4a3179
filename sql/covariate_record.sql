-- One row per person of the cohort and covariate recorded in the look-back before entry.
select baseline_record.person_id, baseline_record.concept_set
from baseline_record
where baseline_record.days_before <= coalesce($covariate_lookback_days, baseline_record.days_before)
