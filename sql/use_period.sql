-- One row per person of the cohort, TSPO class and unbroken run of days of use, by whatever drugs of the class.
with used as (
    select
        supply.person_id,
        supply.tspo_class,
        supply.start_day as first_day,
        supply.start_day + supply.accruing_days as end_day
    from supply
    semi join cohort on cohort.person_id = supply.person_id
    where supply.accruing_days > 0
),

following as (
    select
        used.person_id,
        used.tspo_class,
        used.first_day,
        used.end_day,
        coalesce(
            used.first_day > max(used.end_day) over (
                partition by used.person_id, used.tspo_class
                order by used.first_day, used.end_day
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as is_new
    from used
),

numbered as (
    select
        following.person_id,
        following.tspo_class,
        following.first_day,
        following.end_day,
        count(*) filter (where following.is_new) over (
            partition by following.person_id, following.tspo_class
            order by following.first_day, following.end_day
            rows between unbounded preceding and current row
        ) as period_number
    from following
)

select
    numbered.person_id,
    numbered.tspo_class,
    cast(numbered.period_number as integer) as period_number,
    min(numbered.first_day) as first_day,
    max(numbered.end_day) as end_day
from numbered
group by numbered.person_id, numbered.tspo_class, numbered.period_number
