-- One row per person of the cohort and TSPO class with a fill of unknown dose: the day of age of the first, by metric.
with fill_day as (
    select
        dose.person_id,
        dose.tspo_class,
        date_diff('day', cohort.birth_date, dose.fill_date) as day,
        dose.dme_per_day is null as is_dme_unknown,
        dose.ddd_per_day is null as is_ddd_unknown
    from dose
    inner join cohort on cohort.person_id = dose.person_id
    where dose.status <> 'duplicate' and dose.status not like 'out of scope%'
)

select
    fill_day.person_id,
    fill_day.tspo_class,
    min(fill_day.day) filter (where fill_day.is_dme_unknown) as dme_unknown_day,
    min(fill_day.day) filter (where fill_day.is_ddd_unknown) as ddd_unknown_day
from fill_day
where fill_day.is_dme_unknown or fill_day.is_ddd_unknown
group by fill_day.person_id, fill_day.tspo_class
