-- One row per fill and stretch of days on which it accrues: nights in hospital part a supply into stretches.
with patient as (
    select distinct hospital_stay.person_id
    from hospital_stay
),

at_home as (
    select
        stockpile.drug_exposure_id,
        stockpile.person_id,
        stockpile.ingredient_concept_id,
        stockpile.home_start,
        stockpile.home_start + stockpile.accruing_days as home_end
    from stockpile
    semi join patient on patient.person_id = stockpile.person_id
),

stretch as (
    select
        at_home.drug_exposure_id,
        at_home.person_id,
        at_home.ingredient_concept_id,
        at_home.home_start as home_day,
        at_home.home_end
    from at_home
    union all
    select
        at_home.drug_exposure_id,
        at_home.person_id,
        at_home.ingredient_concept_id,
        hospital_stay.home_day,
        at_home.home_end
    from at_home
    inner join hospital_stay
        on
            hospital_stay.person_id = at_home.person_id
            and hospital_stay.home_day > at_home.home_start
            and hospital_stay.home_day < at_home.home_end
),

bounded as (
    select
        stretch.drug_exposure_id,
        stretch.person_id,
        stretch.ingredient_concept_id,
        stretch.home_day,
        lead(stretch.home_day, 1, stretch.home_end) over (
            partition by stretch.drug_exposure_id, stretch.ingredient_concept_id
            order by stretch.home_day
        ) as home_end
    from stretch
),

-- Back to days of age: the nights of every stay up to that day at home.
dated as (
    select
        bounded.drug_exposure_id,
        bounded.ingredient_concept_id,
        bounded.home_day + coalesce(max(hospital_stay.nights_so_far), 0) as start_day,
        bounded.home_end - bounded.home_day as accruing_days
    from bounded
    left join hospital_stay
        on hospital_stay.person_id = bounded.person_id and hospital_stay.home_day <= bounded.home_day
    group by bounded.drug_exposure_id, bounded.ingredient_concept_id, bounded.home_day, bounded.home_end
)

select
    stockpile.drug_exposure_id,
    stockpile.person_id,
    stockpile.ingredient_concept_id,
    stockpile.tspo_class,
    cast(coalesce(dated.start_day, stockpile.home_start) as integer) as start_day,
    cast(coalesce(dated.accruing_days, stockpile.accruing_days) as integer) as accruing_days,
    stockpile.days,
    stockpile.mg_per_day,
    stockpile.dme_per_day,
    stockpile.ddd_per_day,
    stockpile.tspo_per_day
from stockpile
left join dated
    on
        dated.drug_exposure_id = stockpile.drug_exposure_id
        and dated.ingredient_concept_id = stockpile.ingredient_concept_id
