-- One row per drug concept and study ingredient: mg in one unit of quantity, the rule that gave it, or why not.
with candidate as (
    select
        drug_product.drug_concept_id,
        drug_product.ingredient_concept_id,
        drug_strength.invalid_reason is null as is_valid,
        -- Infinity and what is no number are greater than all of these.
        case when drug_strength.amount_value > 0 and drug_strength.amount_value <= $maximum_strength
            then drug_strength.amount_value
        end as amount_value,
        drug_strength.amount_unit_concept_id,
        case when drug_strength.numerator_value > 0 and drug_strength.numerator_value <= $maximum_strength
            then drug_strength.numerator_value
        end as numerator_value,
        drug_strength.numerator_unit_concept_id,
        case when drug_strength.denominator_value > 0 and drug_strength.denominator_value <= $maximum_strength
            then drug_strength.denominator_value
        end as denominator_value,
        drug_strength.denominator_unit_concept_id
    from drug_product
    inner join drug_strength
        on
            drug_strength.drug_concept_id = drug_product.drug_concept_id
            and drug_strength.ingredient_concept_id = drug_product.ingredient_concept_id
),

-- An expired row counts only where no valid one exists.
current_row as (
    select
        candidate.drug_concept_id,
        candidate.ingredient_concept_id,
        coalesce(candidate.amount_value, candidate.numerator_value) as strength_value,
        case
            when candidate.amount_value is not null then candidate.amount_unit_concept_id
            when candidate.numerator_value is not null then candidate.numerator_unit_concept_id
            else coalesce(candidate.amount_unit_concept_id, candidate.numerator_unit_concept_id)
        end as unit_concept_id,
        candidate.denominator_value,
        candidate.denominator_unit_concept_id,
        case
            when candidate.amount_value is not null then 'amount'
            when candidate.denominator_unit_concept_id = 8505 then 'per hour release'
            when candidate.denominator_value is not null then 'quantified'
            else 'concentration'
        end as strength_rule,
        -- The quantity of a liquid is in mL; a strength per litre is a thousandth of it per mL.
        case
            when
                candidate.amount_value is null
                and candidate.denominator_value is null
                and candidate.denominator_unit_concept_id = 8519
                then 1000
            else 1
        end as volume
    from candidate
    qualify
        candidate.is_valid
        or not bool_or(candidate.is_valid) over (
            partition by candidate.drug_concept_id, candidate.ingredient_concept_id
        )
),

in_mg as (
    select
        current_row.drug_concept_id,
        current_row.ingredient_concept_id,
        case
            when current_row.unit_concept_id is null then concat(current_row.strength_rule, ', unit assumed mg')
            else current_row.strength_rule
        end as strength_rule,
        case
            when current_row.strength_value is null then 'no strength for the ingredient'
            when current_row.unit_concept_id is null and $missing_strength_unit <> 'mg' then 'strength unit missing'
            when current_row.unit_concept_id is not null and mass_unit.mg is null then 'strength unit not a mass'
            when
                current_row.strength_rule = 'concentration'
                and current_row.denominator_unit_concept_id not in (8587, 8519)
                then 'strength per another unit than mL'
            -- A rate alone does not say for how many hours one piece releases it.
            when current_row.strength_rule = 'per hour release' and current_row.denominator_value is null
                then 'release per hour without its hours'
        end as problem,
        case
            when current_row.unit_concept_id is null then 'not stated'
            else coalesce(mass_unit.unit, 'not a mass')
        end as unit,
        current_row.strength_value * coalesce(mass_unit.mg, 1) / current_row.volume as mg
    from current_row
    left join mass_unit on mass_unit.unit_concept_id = current_row.unit_concept_id
),

-- Rows that say the same count once, so that a strength can never multiply a fill.
single as (
    select
        in_mg.drug_concept_id,
        in_mg.ingredient_concept_id,
        min(in_mg.strength_rule) filter (where in_mg.problem is null) as strength_rule,
        min(in_mg.problem) as problem,
        coalesce(min(in_mg.unit) filter (where in_mg.problem is null), min(in_mg.unit)) as unit,
        min(in_mg.mg) filter (where in_mg.problem is null) as mg,
        count(distinct round(in_mg.mg, 9)) filter (where in_mg.problem is null) as strengths
    from in_mg
    group by in_mg.drug_concept_id, in_mg.ingredient_concept_id
)

select
    drug_product.drug_concept_id,
    drug_product.ingredient_concept_id,
    case when single.strengths = 1 then single.strength_rule else 'none' end as strength_rule,
    coalesce(single.unit, 'none') as strength_unit,
    case
        when single.drug_concept_id is null then 'no strength for the ingredient'
        when single.strengths > 1 then 'several strengths'
        when single.strengths = 0 then single.problem
    end as strength_problem,
    case when single.strengths = 1 then single.mg end as strength_mg
from drug_product
left join single
    on
        single.drug_concept_id = drug_product.drug_concept_id
        and single.ingredient_concept_id = drug_product.ingredient_concept_id
