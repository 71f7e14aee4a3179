-- One row per study drug, rule and status of its fills: fills, persons and mg.
select
    dose.drug,
    dose.tspo_class,
    dose.rule,
    dose.status,
    count(*) as fills,
    count(distinct dose.person_id) as persons,
    sum(dose.mg_per_day * dose.days) as mg
from dose
group by dose.drug, dose.tspo_class, dose.rule, dose.status
