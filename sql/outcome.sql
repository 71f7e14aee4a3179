-- One row per person with dementia by the protocol's tier, dated on the day on which the tier is first met.
with evidence as (
    select
        clinical_record.person_id,
        clinical_record.record_date,
        bool_or(clinical_record.concept_set = $outcome_set) as has_code,
        bool_or(clinical_record.concept_set = $confirming_drugs) as has_drug,
        bool_or(clinical_record.concept_set = 'delirium') as has_delirium,
        bool_or(clinical_record.concept_set = 'dementia_secondary_cause') as has_secondary_cause
    from clinical_record
    where
        clinical_record.concept_set in ($outcome_set, $confirming_drugs, 'delirium', 'dementia_secondary_cause')
    group by clinical_record.person_id, clinical_record.record_date
),

before as (
    select
        evidence.person_id,
        evidence.record_date,
        evidence.has_code,
        evidence.has_drug,
        max(case when evidence.has_delirium then evidence.record_date end) over (
            partition by evidence.person_id
            order by evidence.record_date
            rows between unbounded preceding and current row
        ) as last_delirium_date,
        max(case when evidence.has_secondary_cause then evidence.record_date end) over (
            partition by evidence.person_id
            order by evidence.record_date
            rows between unbounded preceding and current row
        ) as last_secondary_cause_date
    from evidence
),

-- D3 takes no code during delirium, and none once a secondary cause is known.
admitted as (
    select
        before.person_id,
        before.record_date,
        before.has_drug,
        before.last_secondary_cause_date,
        before.has_code
        and (
            $outcome_tier <> 'D3'
            or (
                before.last_secondary_cause_date is null
                and (
                    before.last_delirium_date is null
                    or date_diff('day', before.last_delirium_date, before.record_date) > $delirium_days
                )
            )
        ) as has_code
    from before
),

paired as (
    select
        admitted.person_id,
        admitted.record_date,
        admitted.has_code,
        admitted.has_drug,
        admitted.last_secondary_cause_date,
        max(case when admitted.has_code then admitted.record_date end) over (
            partition by admitted.person_id
            order by admitted.record_date
            rows between unbounded preceding and 1 preceding
        ) as last_code_date,
        max(case when admitted.has_drug then admitted.record_date end) over (
            partition by admitted.person_id
            order by admitted.record_date
            rows between unbounded preceding and current row
        ) as last_drug_date
    from admitted
)

select paired.person_id, min(paired.record_date) as outcome_date
from paired
where
    ($outcome_tier <> 'D3' or paired.last_secondary_cause_date is null)
    and case
        when $outcome_tier = 'D1' then paired.has_code
        else
            (
                (paired.has_code or paired.has_drug)
                and date_diff('day', paired.last_code_date, paired.record_date) <= $confirmation_days
            )
            or (
                paired.has_code
                and date_diff('day', paired.last_drug_date, paired.record_date) <= $confirmation_days
            )
    end
group by paired.person_id
