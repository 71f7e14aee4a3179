-- One row per drug concept: its records, and how many of them break each rule: the one scan of drug_exposure.
with stated as (
    select
        drug_exposure.person_id,
        drug_exposure.drug_concept_id,
        drug_exposure.drug_exposure_start_date as start_date,
        drug_exposure.drug_exposure_end_date as end_date,
        drug_exposure.days_supply,
        coalesce(drug_exposure.quantity, 0) > 0 as has_quantity,
        date_diff('day', drug_exposure.drug_exposure_start_date, drug_exposure.verbatim_end_date) + 1 as verbatim_days,
        date_diff('day', drug_exposure.drug_exposure_start_date, drug_exposure.drug_exposure_end_date) + 1 as end_days
    from drug_exposure
),

-- Days of supply as the study finds them: the first source of the protocol that states them.
record as (
    select
        stated.person_id,
        stated.drug_concept_id,
        stated.start_date,
        stated.end_date,
        stated.has_quantity,
        coalesce(
            case $days_source_1
                when 'verbatim_end_date' then stated.verbatim_days
                when 'days_supply' then stated.days_supply
                when 'drug_exposure_end_date' then stated.end_days
            end,
            case $days_source_2
                when 'verbatim_end_date' then stated.verbatim_days
                when 'days_supply' then stated.days_supply
                when 'drug_exposure_end_date' then stated.end_days
            end,
            case $days_source_3
                when 'verbatim_end_date' then stated.verbatim_days
                when 'days_supply' then stated.days_supply
                when 'drug_exposure_end_date' then stated.end_days
            end,
            0
        ) between 1 and $maximum_days_supply as has_days
    from stated
)

select
    record.drug_concept_id as concept_id,
    count(*) as records,
    count(*) filter (where life.person_id is null) as of_nobody,
    count(*) filter (where record.start_date is null) as without_date,
    count(*) filter (where record.end_date < record.start_date) as end_before_start,
    count(*) filter (where record.start_date > $latest_day) as in_future,
    count(*) filter (where record.start_date < life.born_from) as before_birth,
    count(*) filter (where date_diff('day', life.death_date, record.start_date) > 30) as after_death,
    count(*) filter (
        where
        life.person_id is not null
        and record.start_date is not null
        and (
            life.first_day is null
            or record.start_date not between life.first_day and life.last_day
            or unobserved.person_id is not null
        )
    ) as outside_observation,
    count(*) filter (where record.has_quantity) as with_quantity,
    count(*) filter (where record.has_days) as with_days,
    count(*) filter (where record.has_quantity and record.has_days) as with_both
from record
left join life on life.person_id = record.person_id
-- Gaps of a person do not overlap, so that a record meets one at most.
left join unobserved
    on
        unobserved.person_id = record.person_id
        and record.start_date between unobserved.from_date and unobserved.to_date
group by record.drug_concept_id
