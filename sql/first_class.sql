-- One row per person of the cohort: the TSPO class of the first study drug from entry to exit, none, or several at once.
with first_day as (
    select dose.person_id, dose.tspo_class
    from dose
    inner join cohort on cohort.person_id = dose.person_id
    where
        dose.fill_date >= cohort.entry_date
        and dose.fill_date <= cohort.exit_date
        and dose.status <> 'duplicate'
        and dose.status not like 'out of scope%'
    qualify dose.fill_date = min(dose.fill_date) over (partition by dose.person_id)
),

started as (
    select
        first_day.person_id,
        case when count(distinct first_day.tspo_class) = 1 then min(first_day.tspo_class) else 'several' end as class
    from first_day
    group by first_day.person_id
)

select cohort.person_id, coalesce(started.class, 'none') as first_class
from cohort
left join started on started.person_id = cohort.person_id
