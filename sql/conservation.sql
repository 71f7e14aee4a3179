-- One row per balance between two steps: what goes into a step comes out of it, or is named.
select
    'persons: cohort = person_time' as balance,
    cast(count(*) as double) as before_step,
    cast((select count(distinct person_time.person_id) from person_time) as double) as after_step
from cohort
union all
select
    'person-days: cohort = person_time' as balance,
    cast(coalesce(sum(cohort.exit_day - cohort.entry_day), 0) as double) as before_step,
    cast((select coalesce(sum(person_time.stop_day - person_time.start_day), 0) from person_time) as double)
        as after_step
from cohort
union all
select
    'events of the outcome: cohort = person_time' as balance,
    cast(count(*) filter (where cohort.exit_reason = $diagnosis) as double) as before_step,
    cast((select coalesce(sum(person_time.event), 0) from person_time) as double) as after_step
from cohort
union all
select
    'competing diagnoses: cohort = person_time' as balance,
    cast(count(*) filter (where cohort.exit_reason = 'competing diagnosis') as double) as before_step,
    cast((select coalesce(sum(person_time.competing_diagnosis), 0) from person_time) as double) as after_step
from cohort
union all
select
    'deaths: cohort = person_time' as balance,
    cast(count(*) filter (where cohort.exit_reason = 'death') as double) as before_step,
    cast((select coalesce(sum(person_time.death), 0) from person_time) as double) as after_step
from cohort
union all
select
    'persons: eligibility = cohort + left out' as balance,
    cast((select count(*) from eligibility) as double) as before_step,
    cast((select count(*) from cohort) + (select sum(attrition.excluded_subjects) from attrition) as double)
        as after_step
union all
select
    'products: drug_product = strength' as balance,
    cast((select count(*) from drug_product) as double) as before_step,
    cast((select count(*) from strength) as double) as after_step
union all
select
    'fills: records x ingredients = dose' as balance,
    cast(count(*) as double) as before_step,
    cast((select count(*) from dose) as double) as after_step
from drug_record
inner join drug_product on drug_product.drug_concept_id = drug_record.drug_concept_id
where drug_record.is_study_drug
union all
select
    'mg: ledger of persons with a birth date = mg per day x days' as balance,
    coalesce(sum(dose.mg), 0) as before_step,
    (select coalesce(sum(stockpile.mg_per_day * stockpile.days), 0) from stockpile) as after_step
from dose
semi join birth on birth.person_id = dose.person_id
where dose.status in ('computed', 'imputed')
union all
select
    'days of supply: ledger = taken + discarded by the cap + discarded by a switch' as balance,
    coalesce(sum(dose.days), 0) as before_step,
    (
        select coalesce(
            sum(stockpile.accruing_days + stockpile.discarded_by_cap + stockpile.discarded_by_switch), 0
        )
        from stockpile
    ) as after_step
from dose
semi join birth on birth.person_id = dose.person_id
where dose.status <> 'duplicate' and dose.status not like 'out of scope%'
union all
select
    'days taken: stockpile = supply' as balance,
    coalesce(sum(stockpile.accruing_days), 0) as before_step,
    (select coalesce(sum(supply.accruing_days), 0) from supply) as after_step
from stockpile
union all
select
    'dose units: supply of the cohort = dose_step' as balance,
    coalesce(sum(
        supply.accruing_days
        * case $metric
            when 'ddd' then supply.ddd_per_day
            when 'tspo_weighted' then supply.tspo_per_day
            else supply.dme_per_day
        end
    ), 0) as before_step,
    (
        select coalesce(sum(-cast(dose_step.day as double) * dose_step.slope), 0) / 1000000000
        from dose_step
    ) as after_step
from supply
semi join cohort on cohort.person_id = supply.person_id
where $metric in ('dme', 'ddd', 'tspo_weighted', 'intensity')
having $metric in ('dme', 'ddd', 'tspo_weighted', 'intensity')
union all
select
    'days of use: use_period = dose_step' as balance,
    coalesce(sum(use_period.end_day - use_period.first_day), 0) as before_step,
    (
        select coalesce(sum(-cast(dose_step.day as double) * case $metric
            when 'intensity' then dose_step.use_slope
            else dose_step.slope / cast(1000000000 as double)
        end), 0)
        from dose_step
    ) as after_step
from use_period
having $metric in ('days', 'intensity')
