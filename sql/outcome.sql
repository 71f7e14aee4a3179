-- One row per person with the outcome by the protocol's tier, dated on the day on which the tier is first met.
select diagnosed.person_id, diagnosed.diagnosis_date as outcome_date
from diagnosed
where diagnosed.role = 'outcome'
