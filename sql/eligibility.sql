-- One row per person of the CDM: a column per criterion. The cohort keeps those for whom all hold.
with competing as (
    select diagnosed.person_id, diagnosed.diagnosis_date
    from diagnosed
    where diagnosed.role = 'competing'
),

prevalent as (
    select entry.person_id
    from entry
    inner join clinical_record on clinical_record.person_id = entry.person_id
    inner join prevalent_set on prevalent_set.concept_set = clinical_record.concept_set
    where clinical_record.record_date <= entry.entry_date
    union
    select entry.person_id
    from entry
    inner join outcome on outcome.person_id = entry.person_id
    where outcome.outcome_date <= entry.entry_date
    union
    select entry.person_id
    from entry
    inner join competing on competing.person_id = entry.person_id
    where competing.diagnosis_date <= entry.entry_date
),

prior_user as (
    select distinct entry.person_id
    from entry
    inner join fill on fill.person_id = entry.person_id
    where
        fill.in_scope
        and fill.fill_date < entry.entry_date
        and date_diff('day', fill.fill_date, entry.entry_date) <= $washout_days
),

dead as (
    select death.person_id, min(death.death_date) as death_date
    from death
    where death.death_date is not null
    group by death.person_id
)

select
    person.person_id,
    birth.person_id is not null as has_birth_date,
    entry.person_id is not null as has_entry,
    prevalent.person_id is null as has_no_prior_outcome,
    prior_user.person_id is null as is_new_user,
    entry.person_id is not null and coalesce(dead.death_date > entry.entry_date, true) as has_time_at_risk,
    entry.entry_date,
    entry.period_end_date,
    outcome.outcome_date,
    competing.diagnosis_date as competing_date,
    dead.death_date
from (select distinct person.person_id from person) as person
left join birth on birth.person_id = person.person_id
left join entry on entry.person_id = person.person_id
left join prevalent on prevalent.person_id = person.person_id
left join prior_user on prior_user.person_id = person.person_id
left join outcome on outcome.person_id = person.person_id
left join competing on competing.person_id = person.person_id
left join dead on dead.person_id = person.person_id
