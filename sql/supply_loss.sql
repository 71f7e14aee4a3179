-- One row per study drug: days of supply, and what the carry-over cap and switches discarded of them.
select
    study_ingredient.drug,
    count(*) as fills,
    count(distinct stockpile.person_id) as persons,
    cast(sum(stockpile.days) as bigint) as days,
    cast(sum(stockpile.accruing_days) as bigint) as days_taken,
    cast(sum(stockpile.discarded_by_cap) as bigint) as days_discarded_by_cap,
    cast(sum(stockpile.discarded_by_switch) as bigint) as days_discarded_by_switch,
    count(*) filter (where stockpile.accruing_days < stockpile.days) as fills_cut,
    count(distinct stockpile.person_id) filter (where stockpile.accruing_days < stockpile.days) as persons_cut,
    -- A sum of decimals does not depend on the order of rows.
    cast(
        coalesce(
            sum(cast(stockpile.dme_per_day * (stockpile.days - stockpile.accruing_days) as decimal(38, 9))), 0
        ) as double
    ) as dme_discarded
from stockpile
inner join study_ingredient on study_ingredient.ingredient_concept_id = stockpile.ingredient_concept_id
group by study_ingredient.drug
