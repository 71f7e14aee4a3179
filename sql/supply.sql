-- One row per fill with days of supply: when it accrues once early refills are carried forward, up to the cap.
with recursive fill_day as (
    select
        dose.person_id,
        dose.ingredient_concept_id,
        dose.tspo_class,
        dose.drug_exposure_id,
        date_diff('day', birth.birth_date, dose.fill_date) as fill_day,
        dose.days,
        dose.mg_per_day,
        dose.dme_per_day,
        dose.ddd_per_day,
        row_number() over (
            partition by dose.person_id, dose.ingredient_concept_id
            order by dose.fill_date, dose.drug_exposure_id
        ) as fill_number,
        sum(dose.days) over (
            partition by dose.person_id, dose.ingredient_concept_id
            order by dose.fill_date, dose.drug_exposure_id
            rows between unbounded preceding and current row
        ) as days_so_far
    from dose
    inner join birth on birth.person_id = dose.person_id
    where dose.days is not null and dose.status <> 'duplicate' and dose.status not like 'out of scope%'
),

-- end_i = max(fill_i, end_{i-1}) + days_i, written without recursion.
uncapped as (
    select
        fill_day.person_id,
        fill_day.ingredient_concept_id,
        fill_day.fill_number,
        fill_day.fill_day,
        fill_day.days,
        fill_day.days_so_far + max(fill_day.fill_day - fill_day.days_so_far + fill_day.days) over (
            partition by fill_day.person_id, fill_day.ingredient_concept_id
            order by fill_day.fill_number
            rows between unbounded preceding and current row
        ) as end_day
    from fill_day
),

-- Only where some refill carries more than the cap does the rule need the fills one after another.
capped_person as (
    select uncapped.person_id, uncapped.ingredient_concept_id
    from uncapped
    group by uncapped.person_id, uncapped.ingredient_concept_id
    having max(uncapped.end_day - uncapped.days - uncapped.fill_day) > $carryover_cap_days
),

capped_fill as (
    select
        uncapped.person_id,
        uncapped.ingredient_concept_id,
        uncapped.fill_number,
        uncapped.fill_day,
        uncapped.days
    from uncapped
    semi join capped_person
        on
            capped_person.person_id = uncapped.person_id
            and capped_person.ingredient_concept_id = uncapped.ingredient_concept_id
),

folded as (
    select
        capped_fill.person_id,
        capped_fill.ingredient_concept_id,
        capped_fill.fill_number,
        capped_fill.fill_day + capped_fill.days as end_day
    from capped_fill
    where capped_fill.fill_number = 1
    union all
    select
        capped_fill.person_id,
        capped_fill.ingredient_concept_id,
        capped_fill.fill_number,
        greatest(capped_fill.fill_day, least(folded.end_day, capped_fill.fill_day + $carryover_cap_days))
        + capped_fill.days as end_day
    from folded
    inner join capped_fill
        on
            capped_fill.person_id = folded.person_id
            and capped_fill.ingredient_concept_id = folded.ingredient_concept_id
            and capped_fill.fill_number = folded.fill_number + 1
),

placed as (
    select
        fill_day.person_id,
        fill_day.ingredient_concept_id,
        fill_day.tspo_class,
        fill_day.drug_exposure_id,
        fill_day.fill_number,
        fill_day.days,
        fill_day.mg_per_day,
        fill_day.dme_per_day,
        fill_day.ddd_per_day,
        coalesce(folded.end_day, uncapped.end_day) - fill_day.days as start_day
    from fill_day
    inner join uncapped
        on
            uncapped.person_id = fill_day.person_id
            and uncapped.ingredient_concept_id = fill_day.ingredient_concept_id
            and uncapped.fill_number = fill_day.fill_number
    left join folded
        on
            folded.person_id = fill_day.person_id
            and folded.ingredient_concept_id = fill_day.ingredient_concept_id
            and folded.fill_number = fill_day.fill_number
)

select
    placed.drug_exposure_id,
    placed.person_id,
    placed.ingredient_concept_id,
    placed.tspo_class,
    cast(placed.start_day as integer) as start_day,
    placed.days,
    -- What the cap cuts is the overhang of the earlier supply: it ends where the next one starts.
    cast(
        least(
            placed.days,
            coalesce(
                lead(placed.start_day) over (
                    partition by placed.person_id, placed.ingredient_concept_id
                    order by placed.fill_number
                ) - placed.start_day,
                placed.days
            )
        ) as integer
    ) as accruing_days,
    placed.mg_per_day,
    placed.dme_per_day,
    placed.ddd_per_day
from placed
