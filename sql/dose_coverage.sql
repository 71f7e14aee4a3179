-- One row per study drug, route, rule, unit of strength, status and reason: fills, persons and mg.
with counted as (
    select
        dose.drug,
        dose.tspo_class,
        dose.route,
        dose.strength_rule as rule,
        dose.strength_unit as unit,
        case
            when dose.status like 'unknown%' then 'unknown'
            when dose.status like 'out of scope%' then 'out of scope'
            else dose.status
        end as status,
        coalesce(dose.problem, '') as reason,
        dose.person_id,
        dose.mg
    from dose
)

select
    counted.drug,
    counted.tspo_class,
    counted.route,
    counted.rule,
    counted.unit,
    counted.status,
    counted.reason,
    count(*) as fills,
    count(distinct counted.person_id) as persons,
    -- A sum of decimals does not depend on the order of rows.
    cast(sum(cast(counted.mg as decimal(38, 9))) as double) as mg
from counted
group by
    counted.drug,
    counted.tspo_class,
    counted.route,
    counted.rule,
    counted.unit,
    counted.status,
    counted.reason
