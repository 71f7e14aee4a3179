-- One row per study drug: fills, persons and dose of the cohort up to each person's exit.
select
    dose.drug,
    count(*) as fills,
    count(distinct dose.person_id) as persons,
    -- Sums of decimals do not depend on the order of rows.
    cast(coalesce(sum(cast(dose.dme_per_day * dose.days as decimal(38, 9))), 0) as double) as dose_dme,
    cast(coalesce(sum(cast(dose.ddd_per_day * dose.days as decimal(38, 9))), 0) as double) as dose_ddd
from dose
inner join cohort on cohort.person_id = dose.person_id
where dose.fill_date <= cohort.exit_date and dose.status <> 'duplicate' and dose.status not like 'out of scope%'
group by dose.drug
