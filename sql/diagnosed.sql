-- One row per person and role, the outcome or what competes with it: the day on which the protocol's tier is first met.
with role as (
    select distinct diagnosis_set.role
    from diagnosis_set
),

-- What confirms a code, or takes it away, does so whichever of the two it is of.
sign as (
    select
        clinical_record.person_id,
        diagnosis_set.role,
        clinical_record.record_date,
        true as is_code,
        clinical_record.concept_set
    from clinical_record
    inner join diagnosis_set on diagnosis_set.concept_set = clinical_record.concept_set
    union all
    select
        clinical_record.person_id,
        role.role,
        clinical_record.record_date,
        false as is_code,
        clinical_record.concept_set
    from clinical_record
    cross join role
    where clinical_record.concept_set in ($confirming_drugs, 'delirium', 'dementia_secondary_cause')
),

evidence as (
    select
        sign.person_id,
        sign.role,
        sign.record_date,
        bool_or(sign.is_code) as has_code,
        bool_or(coalesce(sign.concept_set = $confirming_drugs, false)) as has_drug,
        bool_or(sign.concept_set = 'delirium') as has_delirium,
        bool_or(sign.concept_set = 'dementia_secondary_cause') as has_secondary_cause
    from sign
    group by sign.person_id, sign.role, sign.record_date
),

before as (
    select
        evidence.person_id,
        evidence.role,
        evidence.record_date,
        evidence.has_code,
        evidence.has_drug,
        max(case when evidence.has_delirium then evidence.record_date end) over (
            partition by evidence.person_id, evidence.role
            order by evidence.record_date
            rows between unbounded preceding and current row
        ) as last_delirium_date,
        max(case when evidence.has_secondary_cause then evidence.record_date end) over (
            partition by evidence.person_id, evidence.role
            order by evidence.record_date
            rows between unbounded preceding and current row
        ) as last_secondary_cause_date
    from evidence
),

-- D3 takes no code during delirium, and none once a secondary cause is known.
admitted as (
    select
        before.person_id,
        before.role,
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
        admitted.role,
        admitted.record_date,
        admitted.has_code,
        admitted.has_drug,
        admitted.last_secondary_cause_date,
        max(case when admitted.has_code then admitted.record_date end) over (
            partition by admitted.person_id, admitted.role
            order by admitted.record_date
            rows between unbounded preceding and 1 preceding
        ) as last_code_date,
        max(case when admitted.has_drug then admitted.record_date end) over (
            partition by admitted.person_id, admitted.role
            order by admitted.record_date
            rows between unbounded preceding and current row
        ) as last_drug_date
    from admitted
)

select paired.person_id, paired.role, min(paired.record_date) as diagnosis_date
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
group by paired.person_id, paired.role
