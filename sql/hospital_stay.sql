-- One row per person and inpatient stay, stays that touch being one: its first night, its nights, and the day at home.
with stay as (
    select
        visit_occurrence.person_id,
        date_diff('day', birth.birth_date, visit_occurrence.visit_start_date) as first_day,
        date_diff('day', birth.birth_date, visit_occurrence.visit_end_date) as end_day
    from visit_occurrence
    semi join inpatient_visit on inpatient_visit.visit_concept_id = visit_occurrence.visit_concept_id
    inner join birth on birth.person_id = visit_occurrence.person_id
    where $hospital_stays = 'pause' and visit_occurrence.visit_start_date < visit_occurrence.visit_end_date
),

following as (
    select
        stay.person_id,
        stay.first_day,
        stay.end_day,
        coalesce(
            stay.first_day > max(stay.end_day) over (
                partition by stay.person_id
                order by stay.first_day, stay.end_day
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as is_new
    from stay
),

numbered as (
    select
        following.person_id,
        following.first_day,
        following.end_day,
        count(*) filter (where following.is_new) over (
            partition by following.person_id
            order by following.first_day, following.end_day
            rows between unbounded preceding and current row
        ) as stay_number
    from following
),

merged as (
    select
        numbered.person_id,
        min(numbered.first_day) as first_day,
        max(numbered.end_day) - min(numbered.first_day) as nights
    from numbered
    group by numbered.person_id, numbered.stay_number
),

counted as (
    select
        merged.person_id,
        merged.first_day,
        merged.nights,
        cast(sum(merged.nights) over (
            partition by merged.person_id
            order by merged.first_day
            rows between unbounded preceding and current row
        ) as bigint) as nights_so_far
    from merged
)

-- Days at home are numbered without the nights in hospital: a stay is a point between two of them.
select
    counted.person_id,
    counted.first_day,
    counted.nights,
    counted.nights_so_far,
    counted.first_day - counted.nights_so_far + counted.nights as home_day
from counted
