-- One row per fill and study ingredient whose dose cannot be computed, in scope and no duplicate: what takes its place.
with missing as (
    select
        fill.drug_exposure_id,
        fill.drug_concept_id,
        fill.ingredient_concept_id,
        fill.days,
        fill.mg,
        ingredient_scale.mg_per_ddd,
        coalesce(fill.days_problem, fill.mg_problem) as problem
    from fill
    inner join ingredient_scale on ingredient_scale.ingredient_concept_id = fill.ingredient_concept_id
    where fill.in_scope and not fill.is_duplicate and (fill.mg is null or fill.days is null)
),

computed as (
    select fill.drug_concept_id, fill.ingredient_concept_id, fill.days, fill.mg / fill.days as mg_per_day
    from fill
    where fill.in_scope and not fill.is_duplicate and fill.mg is not null and fill.days is not null
),

of_drug as (
    select
        computed.drug_concept_id,
        computed.ingredient_concept_id,
        median(computed.mg_per_day) as mg_per_day,
        cast(floor(median(computed.days)) as integer) as days,
        count(*) as donors
    from computed
    group by computed.drug_concept_id, computed.ingredient_concept_id
),

of_ingredient as (
    select
        computed.ingredient_concept_id,
        median(computed.mg_per_day) as mg_per_day,
        cast(floor(median(computed.days)) as integer) as days,
        count(*) as donors
    from computed
    group by computed.ingredient_concept_id
),

-- A drug that was never computed borrows from the whole ingredient.
typical as (
    select
        missing.drug_exposure_id,
        missing.ingredient_concept_id,
        missing.days,
        missing.mg,
        missing.mg_per_ddd,
        missing.problem,
        case when of_drug.donors is not null then 'drug' when of_ingredient.donors is not null then 'ingredient' end
            as pool,
        case when of_drug.donors is not null then missing.drug_concept_id else missing.ingredient_concept_id end
            as pool_concept_id,
        coalesce(of_drug.donors, of_ingredient.donors) as donors,
        coalesce(of_drug.mg_per_day, of_ingredient.mg_per_day) as typical_mg_per_day,
        coalesce(of_drug.days, of_ingredient.days) as typical_days
    from missing
    left join of_drug
        on
            of_drug.drug_concept_id = missing.drug_concept_id
            and of_drug.ingredient_concept_id = missing.ingredient_concept_id
    left join of_ingredient on of_ingredient.ingredient_concept_id = missing.ingredient_concept_id
),

-- A random polynomial modulo 2^31 - 1 sends the fill to a place, and another one a donor to the place: the
-- approximate Bayesian bootstrap (Rubin and Schenker 1986), the same on every engine.
numbered as (
    select
        typical.drug_exposure_id,
        typical.ingredient_concept_id,
        typical.pool,
        typical.pool_concept_id,
        typical.donors,
        ((typical.drug_exposure_id % 2147483647) + 2147483647) % 2147483647 as x,
        ((typical.pool_concept_id % 2147483647) + 2147483647) % 2147483647 as salt
    from typical
    where $missing_dose = 'draw' and typical.pool is not null
),

placed as (
    select
        numbered.drug_exposure_id,
        numbered.ingredient_concept_id,
        numbered.pool,
        numbered.pool_concept_id,
        numbered.donors,
        (
            (((($place_3 * numbered.x + $place_2) % 2147483647 * numbered.x + $place_1) % 2147483647)
            * numbered.x + $place_0) % 2147483647 * numbered.donors // 2147483647
            + 1000003 * numbered.salt
        ) % 2147483647 as y
    from numbered
),

drawn as (
    select
        placed.drug_exposure_id,
        placed.ingredient_concept_id,
        donor.days,
        donor.mg_per_day
    from placed
    inner join donor
        on
            donor.pool = placed.pool
            and donor.pool_concept_id = placed.pool_concept_id
            and donor.ingredient_concept_id = placed.ingredient_concept_id
            and donor.donor_number
            = (((($donor_3 * placed.y + $donor_2) % 2147483647 * placed.y + $donor_1) % 2147483647)
            * placed.y + $donor_0) % 2147483647 * placed.donors // 2147483647
),

filled as (
    select
        typical.drug_exposure_id,
        typical.ingredient_concept_id,
        typical.problem,
        case $missing_dose
            when 'zero' then typical.days
            when 'median' then typical.days
            when 'median_fill' then coalesce(typical.days, typical.typical_days)
            when 'one_ddd' then coalesce(typical.days, typical.typical_days)
            when 'draw' then coalesce(typical.days, drawn.days)
        end as days,
        case $missing_dose
            when 'zero' then 0
            when 'median' then case when typical.days is not null then typical.typical_mg_per_day end
            when 'median_fill' then coalesce(typical.mg / typical.typical_days, typical.typical_mg_per_day)
            when 'one_ddd'
                then case when coalesce(typical.days, typical.typical_days) is not null then typical.mg_per_ddd end
            when 'draw' then coalesce(typical.mg / drawn.days, drawn.mg_per_day)
        end as mg_per_day,
        case $missing_dose
            when 'zero' then 'zero'
            when 'median' then concat('median of the ', typical.pool)
            when 'median_fill' then concat('median fill of the ', typical.pool)
            when 'one_ddd' then 'one DDD per day'
            when 'draw' then concat('drawn from the ', typical.pool)
        end as rule
    from typical
    left join drawn
        on
            drawn.drug_exposure_id = typical.drug_exposure_id
            and drawn.ingredient_concept_id = typical.ingredient_concept_id
)

select
    filled.drug_exposure_id,
    filled.ingredient_concept_id,
    filled.problem,
    filled.days,
    filled.mg_per_day,
    filled.rule
from filled
