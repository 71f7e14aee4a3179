-- One row per person and gap between observation periods: the days of which nothing is known.
with reached as (
    select
        observation_period.person_id,
        observation_period.observation_period_start_date as start_date,
        max(observation_period.observation_period_end_date) over (
            partition by observation_period.person_id
            order by observation_period.observation_period_start_date, observation_period.observation_period_end_date
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from observation_period
    where observation_period.observation_period_start_date <= observation_period.observation_period_end_date
)

select reached.person_id, reached.reached_date + 1 as from_date, reached.start_date - 1 as to_date
from reached
where reached.start_date > reached.reached_date + 1
