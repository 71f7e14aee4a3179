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
    coalesce(sum(stockpile.dme_per_day * (stockpile.days - stockpile.accruing_days)), 0) as dme_discarded
from stockpile
inner join study_ingredient on study_ingredient.ingredient_concept_id = stockpile.ingredient_concept_id
group by study_ingredient.drug
