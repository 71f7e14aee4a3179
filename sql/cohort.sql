-- One row per person of the cohort: entry, exit and why, in dates and in days of age.
with exit as (
    select
        eligibility.person_id,
        eligibility.entry_date,
        least(
            eligibility.period_end_date,
            coalesce(eligibility.outcome_date, eligibility.period_end_date),
            coalesce(eligibility.competing_date, eligibility.period_end_date),
            coalesce(eligibility.death_date, eligibility.period_end_date)
        ) as exit_date,
        eligibility.outcome_date,
        eligibility.competing_date,
        eligibility.death_date
    from eligibility
    where
        eligibility.has_birth_date
        and eligibility.has_entry
        and eligibility.has_no_prior_outcome
        and eligibility.is_new_user
        and eligibility.has_time_at_risk
)

select
    exit.person_id,
    birth.sex,
    birth.birth_date,
    exit.entry_date,
    exit.exit_date,
    date_diff('day', birth.birth_date, exit.entry_date) as entry_day,
    date_diff('day', birth.birth_date, exit.exit_date) as exit_day,
    cast(extract(year from exit.entry_date) as integer) as index_year,
    case
        when exit.outcome_date = exit.exit_date then $diagnosis
        when exit.competing_date = exit.exit_date then 'competing diagnosis'
        when exit.death_date = exit.exit_date then 'death'
        else 'end of observation'
    end as exit_reason
from exit
inner join birth on birth.person_id = exit.person_id
