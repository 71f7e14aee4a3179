-- One row per study drug: fills, persons and dose of the cohort up to each person's exit.
select
    dose.drug,
    count(*) as fills,
    count(distinct dose.person_id) as persons,
    coalesce(sum(dose.dme_per_day * dose.days), 0) as dose_dme,
    coalesce(sum(dose.ddd_per_day * dose.days), 0) as dose_ddd
from dose
inner join cohort on cohort.person_id = dose.person_id
where dose.fill_date <= cohort.exit_date and dose.status <> 'duplicate' and dose.status not like 'out of scope%'
group by dose.drug
