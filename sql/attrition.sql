-- One row per criterion, in order: who remains after it.
with step as (
    select
        eligibility.person_id,
        unnest(range(1, 7)) as reason_id,
        eligibility.has_birth_date,
        eligibility.has_entry,
        eligibility.has_no_prior_outcome,
        eligibility.is_new_user,
        eligibility.has_time_at_risk
    from eligibility
),

kept as (
    select
        step.reason_id,
        count(*) filter (
            where
            (step.reason_id < 2 or step.has_birth_date)
            and (step.reason_id < 3 or step.has_entry)
            and (step.reason_id < 4 or step.has_no_prior_outcome)
            and (step.reason_id < 5 or step.is_new_user)
            and (step.reason_id < 6 or step.has_time_at_risk)
        ) as number_subjects
    from step
    group by step.reason_id
)

select
    cast(kept.reason_id as bigint) as reason_id,
    case kept.reason_id
        when 1 then 'Initial qualifying events'
        when 2 then 'Year of birth is recorded'
        when 3 then 'An observation period allows entry'
        when 4 then $free_of
        when 5 then 'No study drug in the washout before entry'
        else 'Alive at entry, with time at risk'
    end as reason,
    kept.number_subjects,
    coalesce(lag(kept.number_subjects) over (order by kept.reason_id) - kept.number_subjects, 0)
        as excluded_subjects
from kept
