-- One row per computed fill and pool that it can stand in for: its drug, its ingredient; numbered within the pool.
with computed as (
    select
        fill.drug_exposure_id,
        fill.drug_concept_id,
        fill.ingredient_concept_id,
        fill.days,
        fill.mg / fill.days as mg_per_day
    from fill
    where fill.in_scope and not fill.is_duplicate and fill.mg is not null and fill.days is not null
),

-- Only pools that some fill without a dose will look into, and only where doses are drawn.
wanted as (
    select distinct fill.ingredient_concept_id
    from fill
    where
        $missing_dose = 'draw'
        and fill.in_scope
        and not fill.is_duplicate
        and (fill.mg is null or fill.days is null)
),

pooled as (
    select
        'drug' as pool,
        computed.drug_concept_id as pool_concept_id,
        computed.ingredient_concept_id,
        computed.drug_exposure_id,
        computed.days,
        computed.mg_per_day
    from computed
    semi join wanted on wanted.ingredient_concept_id = computed.ingredient_concept_id
    union all
    select
        'ingredient' as pool,
        computed.ingredient_concept_id as pool_concept_id,
        computed.ingredient_concept_id,
        computed.drug_exposure_id,
        computed.days,
        computed.mg_per_day
    from computed
    semi join wanted on wanted.ingredient_concept_id = computed.ingredient_concept_id
)

select
    pooled.pool,
    pooled.pool_concept_id,
    pooled.ingredient_concept_id,
    pooled.days,
    pooled.mg_per_day,
    row_number() over (
        partition by pooled.pool, pooled.pool_concept_id, pooled.ingredient_concept_id
        order by pooled.drug_exposure_id
    ) - 1 as donor_number
from pooled
