-- One row per fill of a study drug and study ingredient in it: days of supply, mg, and what stands in their way.
with raw as (
    select
        drug_record.drug_exposure_id,
        drug_record.person_id,
        drug_record.drug_concept_id,
        drug_product.ingredient_concept_id,
        drug_record.record_date as fill_date,
        drug_product.form,
        drug_record.quantity,
        date_diff('day', drug_record.record_date, drug_record.verbatim_end_date) + 1 as verbatim_days,
        drug_record.days_supply,
        date_diff('day', drug_record.record_date, drug_record.end_date) + 1 as end_days
    from drug_record
    inner join drug_product on drug_product.drug_concept_id = drug_record.drug_concept_id
    where drug_record.is_study_drug
),

supplied as (
    select
        raw.drug_exposure_id,
        raw.person_id,
        raw.drug_concept_id,
        raw.ingredient_concept_id,
        raw.fill_date,
        raw.form,
        raw.quantity,
        coalesce(
            case $days_source_1
                when 'verbatim_end_date' then raw.verbatim_days
                when 'days_supply' then raw.days_supply
                when 'drug_exposure_end_date' then raw.end_days
            end,
            case $days_source_2
                when 'verbatim_end_date' then raw.verbatim_days
                when 'days_supply' then raw.days_supply
                when 'drug_exposure_end_date' then raw.end_days
            end,
            case $days_source_3
                when 'verbatim_end_date' then raw.verbatim_days
                when 'days_supply' then raw.days_supply
                when 'drug_exposure_end_date' then raw.end_days
            end
        ) as stated_days
    from raw
),

judged as (
    select
        supplied.drug_exposure_id,
        supplied.person_id,
        supplied.drug_concept_id,
        supplied.ingredient_concept_id,
        supplied.fill_date,
        supplied.form,
        supplied.quantity,
        supplied.stated_days,
        case
            when supplied.stated_days is null then 'days of supply missing'
            when supplied.stated_days < 1 then 'days of supply <= 0'
            when supplied.stated_days > $maximum_days_supply then concat('days of supply > ', $maximum_days_supply)
        end as days_problem,
        row_number() over (
            partition by
                supplied.person_id,
                supplied.drug_concept_id,
                supplied.ingredient_concept_id,
                supplied.fill_date,
                supplied.quantity,
                supplied.stated_days
            order by supplied.drug_exposure_id
        ) as copy_number
    from supplied
)

select
    judged.drug_exposure_id,
    judged.person_id,
    judged.drug_concept_id,
    judged.ingredient_concept_id,
    judged.fill_date,
    judged.form,
    judged.copy_number > 1 and $same_day_duplicates = 'collapse' as is_duplicate,
    judged.days_problem,
    case when judged.days_problem is null then cast(judged.stated_days as integer) end as days,
    strength.strength_rule,
    coalesce(
        strength.strength_problem,
        case when judged.quantity is null or judged.quantity <= 0 then 'quantity missing or not positive' end
    ) as mg_problem,
    case when judged.quantity > 0 then judged.quantity * strength.strength_mg end as mg
from judged
inner join strength
    on
        strength.drug_concept_id = judged.drug_concept_id
        and strength.ingredient_concept_id = judged.ingredient_concept_id
