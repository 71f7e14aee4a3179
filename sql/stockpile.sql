-- One row per fill with days of supply: when it is used once early refills wait, up to the cap, and what is lost.
with recursive shared_day as (
    select home_fill.person_id, home_fill.ingredient_concept_id, home_fill.fill_day
    from home_fill
    group by home_fill.person_id, home_fill.ingredient_concept_id, home_fill.fill_day
    having count(*) > 1
),

-- Fills of one day: of one drug end to end, of different drugs (two strengths) side by side.
side_by_side as (
    select
        home_fill.drug_exposure_id,
        home_fill.person_id,
        home_fill.ingredient_concept_id,
        home_fill.fill_day,
        home_fill.days,
        sum(home_fill.days) over (
            partition by
                home_fill.person_id,
                home_fill.ingredient_concept_id,
                home_fill.fill_day,
                home_fill.drug_concept_id
            order by home_fill.drug_exposure_id
            rows between unbounded preceding and current row
        ) - home_fill.days as days_before
    from home_fill
    semi join shared_day
        on
            shared_day.person_id = home_fill.person_id
            and shared_day.ingredient_concept_id = home_fill.ingredient_concept_id
            and shared_day.fill_day = home_fill.fill_day
),

same_day as (
    select
        side_by_side.drug_exposure_id,
        side_by_side.ingredient_concept_id,
        side_by_side.days_before,
        max(side_by_side.days_before + side_by_side.days) over day_of_person as day_lasts,
        row_number() over (day_of_person order by side_by_side.drug_exposure_id) = 1 as is_first
    from side_by_side
    window day_of_person as (
        partition by side_by_side.person_id, side_by_side.ingredient_concept_id, side_by_side.fill_day
    )
),

-- A day's first fill carries the length of the day, the others none, so that sums over fills are sums over days.
queued as (
    select
        home_fill.drug_exposure_id,
        home_fill.person_id,
        home_fill.ingredient_concept_id,
        home_fill.tspo_class,
        home_fill.queue,
        home_fill.switch_day,
        home_fill.fill_day,
        home_fill.days,
        cast(coalesce(same_day.days_before, 0) as integer) as days_before,
        cast(coalesce(same_day.day_lasts, home_fill.days) as integer) as day_lasts,
        coalesce(same_day.is_first, true) as is_first,
        home_fill.mg_per_day,
        home_fill.dme_per_day,
        home_fill.ddd_per_day,
        home_fill.tspo_per_day,
        sum(case when coalesce(same_day.is_first, true) then coalesce(same_day.day_lasts, home_fill.days) else 0 end)
            over queue_so_far as days_so_far
    from home_fill
    left join same_day
        on
            same_day.drug_exposure_id = home_fill.drug_exposure_id
            and same_day.ingredient_concept_id = home_fill.ingredient_concept_id
    window queue_so_far as (
        partition by home_fill.person_id, home_fill.ingredient_concept_id, home_fill.queue
        order by home_fill.fill_day, coalesce(same_day.is_first, true) desc, home_fill.drug_exposure_id
        rows between unbounded preceding and current row
    )
),

-- end_i = max(fill_i, end_{i-1}) + days_i, written without recursion.
uncapped as (
    select
        queued.drug_exposure_id,
        queued.person_id,
        queued.ingredient_concept_id,
        queued.tspo_class,
        queued.queue,
        queued.switch_day,
        queued.fill_day,
        queued.days,
        queued.days_before,
        queued.day_lasts,
        queued.is_first,
        queued.mg_per_day,
        queued.dme_per_day,
        queued.ddd_per_day,
        queued.tspo_per_day,
        queued.days_so_far - queued.day_lasts + max(
            queued.fill_day - queued.days_so_far + case when queued.is_first then queued.day_lasts else 0 end
        ) over (
            partition by queued.person_id, queued.ingredient_concept_id, queued.queue
            order by queued.fill_day, queued.is_first desc, queued.drug_exposure_id
            rows between unbounded preceding and current row
        ) as start_day
    from queued
),

-- Only where some refill waits for longer than the cap does the rule need the days one after another.
capped_queue as (
    select distinct uncapped.person_id, uncapped.ingredient_concept_id, uncapped.queue
    from uncapped
    where uncapped.start_day - uncapped.fill_day > $carryover_cap_days
),

-- A run is a stretch without a break in supply: a fill that waits for nothing starts a new one.
in_run as (
    select
        uncapped.person_id,
        uncapped.ingredient_concept_id,
        uncapped.queue,
        uncapped.fill_day,
        uncapped.day_lasts,
        uncapped.start_day,
        count(*) filter (where uncapped.start_day = uncapped.fill_day) over (
            partition by uncapped.person_id, uncapped.ingredient_concept_id, uncapped.queue
            order by uncapped.fill_day
            rows between unbounded preceding and current row
        ) as run
    from uncapped
    semi join capped_queue
        on
            capped_queue.person_id = uncapped.person_id
            and capped_queue.ingredient_concept_id = uncapped.ingredient_concept_id
            and capped_queue.queue = uncapped.queue
    where uncapped.is_first
),

capped_day as (
    select
        in_run.person_id,
        in_run.ingredient_concept_id,
        in_run.queue,
        in_run.run,
        in_run.fill_day,
        in_run.day_lasts,
        row_number() over run_of_days as day_number,
        max(in_run.start_day - in_run.fill_day) over (
            partition by in_run.person_id, in_run.ingredient_concept_id, in_run.queue, in_run.run
        ) > $carryover_cap_days as is_capped
    from in_run
    window run_of_days as (
        partition by in_run.person_id, in_run.ingredient_concept_id, in_run.queue, in_run.run
        order by in_run.fill_day
    )
),

folded as (
    select
        capped_day.person_id,
        capped_day.ingredient_concept_id,
        capped_day.queue,
        capped_day.run,
        capped_day.day_number,
        capped_day.fill_day,
        capped_day.fill_day as start_day,
        capped_day.day_lasts
    from capped_day
    where capped_day.day_number = 1 and capped_day.is_capped
    union all
    select
        capped_day.person_id,
        capped_day.ingredient_concept_id,
        capped_day.queue,
        capped_day.run,
        capped_day.day_number,
        capped_day.fill_day,
        greatest(
            capped_day.fill_day,
            least(folded.start_day + folded.day_lasts, capped_day.fill_day + $carryover_cap_days)
        ) as start_day,
        capped_day.day_lasts
    from folded
    inner join capped_day
        on
            capped_day.person_id = folded.person_id
            and capped_day.ingredient_concept_id = folded.ingredient_concept_id
            and capped_day.queue = folded.queue
            and capped_day.run = folded.run
            and capped_day.day_number = folded.day_number + 1
),

capped as (
    select
        folded.person_id,
        folded.ingredient_concept_id,
        folded.queue,
        folded.fill_day,
        folded.start_day,
        lead(folded.start_day) over (
            partition by folded.person_id, folded.ingredient_concept_id, folded.queue, folded.run
            order by folded.day_number
        ) as next_start_day
    from folded
),

placed as (
    select
        uncapped.drug_exposure_id,
        uncapped.person_id,
        uncapped.ingredient_concept_id,
        uncapped.tspo_class,
        coalesce(capped.start_day, uncapped.start_day) + uncapped.days_before as home_start,
        uncapped.days,
        -- What the cap cuts is the overhang of the earlier supply: it ends where the next day's supply starts.
        capped.next_start_day,
        uncapped.switch_day,
        uncapped.mg_per_day,
        uncapped.dme_per_day,
        uncapped.ddd_per_day,
        uncapped.tspo_per_day
    from uncapped
    left join capped
        on
            capped.person_id = uncapped.person_id
            and capped.ingredient_concept_id = uncapped.ingredient_concept_id
            and capped.queue = uncapped.queue
            and capped.fill_day = uncapped.fill_day
),

cut as (
    select
        placed.drug_exposure_id,
        placed.person_id,
        placed.ingredient_concept_id,
        placed.tspo_class,
        placed.home_start,
        placed.days,
        greatest(0, least(placed.days, coalesce(placed.next_start_day - placed.home_start, placed.days)))
            as days_under_cap,
        greatest(0, coalesce(placed.switch_day - placed.home_start, placed.days)) as days_before_switch,
        placed.mg_per_day,
        placed.dme_per_day,
        placed.ddd_per_day,
        placed.tspo_per_day
    from placed
)

select
    cut.drug_exposure_id,
    cut.person_id,
    cut.ingredient_concept_id,
    cut.tspo_class,
    cast(cut.home_start as integer) as home_start,
    cut.days,
    cast(least(cut.days_under_cap, cut.days_before_switch) as integer) as accruing_days,
    cast(cut.days - cut.days_under_cap as integer) as discarded_by_cap,
    cast(cut.days_under_cap - least(cut.days_under_cap, cut.days_before_switch) as integer) as discarded_by_switch,
    cut.mg_per_day,
    cut.dme_per_day,
    cut.ddd_per_day,
    cut.tspo_per_day
from cut
