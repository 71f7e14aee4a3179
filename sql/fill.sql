-- One row per fill of a study drug and study ingredient in it: days of supply, mg, and what stands in their way.
with raw as (
    select
        drug_record.drug_exposure_id,
        drug_record.person_id,
        drug_record.drug_concept_id,
        drug_product.ingredient_concept_id,
        drug_record.record_date as fill_date,
        -- Where the product's name states a route, the record's own cannot change it.
        coalesce(drug_product.route, route.route, 'not stated') as route,
        coalesce(drug_product.in_scope, route.in_scope, true) as in_scope,
        drug_record.quantity,
        date_diff('day', drug_record.record_date, drug_record.verbatim_end_date) + 1 as verbatim_days,
        drug_record.days_supply,
        date_diff('day', drug_record.record_date, drug_record.end_date) + 1 as end_days
    from drug_record
    -- Every study drug has a product, and every product a strength, so a left join keeps the same rows. It also tells the
    -- engine how many they are: after an inner one it expects a thousandth, and builds its hash tables on all fills.
    left join drug_product on drug_product.drug_concept_id = drug_record.drug_concept_id
    left join route on route.route_concept_id = drug_record.route_concept_id
    where drug_record.is_study_drug
),

ordered as (
    select
        raw.drug_exposure_id,
        raw.person_id,
        raw.drug_concept_id,
        raw.ingredient_concept_id,
        raw.fill_date,
        raw.route,
        raw.in_scope,
        raw.quantity,
        case $days_source_1
            when 'verbatim_end_date' then raw.verbatim_days
            when 'days_supply' then raw.days_supply
            when 'drug_exposure_end_date' then raw.end_days
        end as days_1,
        case $days_source_2
            when 'verbatim_end_date' then raw.verbatim_days
            when 'days_supply' then raw.days_supply
            when 'drug_exposure_end_date' then raw.end_days
        end as days_2,
        case $days_source_3
            when 'verbatim_end_date' then raw.verbatim_days
            when 'days_supply' then raw.days_supply
            when 'drug_exposure_end_date' then raw.end_days
        end as days_3
    from raw
),

judged as (
    select
        ordered.drug_exposure_id,
        ordered.person_id,
        ordered.drug_concept_id,
        ordered.ingredient_concept_id,
        ordered.fill_date,
        ordered.route,
        ordered.in_scope,
        ordered.quantity,
        coalesce(ordered.days_1, ordered.days_2, ordered.days_3) as stated_days,
        case
            when ordered.days_1 is not null then $days_source_1
            when ordered.days_2 is not null then $days_source_2
            when ordered.days_3 is not null then $days_source_3
        end as days_source,
        -- A field that is empty disagrees with nothing.
        coalesce(ordered.days_1 <> ordered.days_2, false)
        or coalesce(ordered.days_1 <> ordered.days_3, false)
        or coalesce(ordered.days_1 is null and ordered.days_2 <> ordered.days_3, false) as days_disagree
    from ordered
),

-- Only fills that share person, drug and day can be copies of each other; they are few.
copied as (
    select
        judged.drug_exposure_id,
        judged.ingredient_concept_id,
        row_number() over (
            partition by
                judged.person_id,
                judged.drug_concept_id,
                judged.ingredient_concept_id,
                judged.fill_date,
                judged.quantity,
                judged.stated_days,
                judged.in_scope
            order by judged.drug_exposure_id
        ) as copy_number
    from judged
    semi join (
        select drug_record.person_id, drug_record.drug_concept_id, drug_record.record_date
        from drug_record
        where drug_record.is_study_drug
        group by drug_record.person_id, drug_record.drug_concept_id, drug_record.record_date
        having count(*) > 1
    ) as same_day
        on
            same_day.person_id = judged.person_id
            and same_day.drug_concept_id = judged.drug_concept_id
            and same_day.record_date = judged.fill_date
    where $same_day_duplicates = 'collapse'
)

select
    judged.drug_exposure_id,
    judged.person_id,
    judged.drug_concept_id,
    judged.ingredient_concept_id,
    judged.fill_date,
    judged.route,
    judged.in_scope,
    coalesce(copied.copy_number > 1, false) as is_duplicate,
    judged.days_source,
    judged.days_disagree,
    case
        when judged.stated_days between 1 and $maximum_days_supply then cast(judged.stated_days as integer)
    end as days,
    case
        when judged.stated_days is null then 'days of supply missing'
        when judged.stated_days < 1 then 'days of supply <= 0'
        when judged.stated_days > $maximum_days_supply then concat('days of supply > ', $maximum_days_supply)
    end as days_problem,
    judged.quantity,
    strength.strength_mg,
    strength.strength_unit,
    strength.strength_rule,
    case when judged.quantity > 0 and judged.quantity <= $maximum_quantity then judged.quantity * strength.strength_mg end as mg,
    coalesce(
        strength.strength_problem,
        case
            when judged.quantity is null or judged.quantity <= 0 then 'quantity missing or not positive'
            -- No fill holds so many tablets or mL; infinity, and what is no number, is greater too.
            when judged.quantity > $maximum_quantity then concat('quantity > ', $maximum_quantity)
        end
    ) as mg_problem
from judged
left join strength
    on
        strength.drug_concept_id = judged.drug_concept_id
        and strength.ingredient_concept_id = judged.ingredient_concept_id
left join copied
    on
        copied.drug_exposure_id = judged.drug_exposure_id
        and copied.ingredient_concept_id = judged.ingredient_concept_id
