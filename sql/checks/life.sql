-- One row per person: the earliest birth date possible, the day of death, and the first and last day observed.
with born as (
    select
        person.person_id,
        min(
            case
                when person.year_of_birth between 1 and 9999 then make_date(
                    person.year_of_birth,
                    case when person.month_of_birth between 1 and 12 then person.month_of_birth else 1 end,
                    1
                ) + (
                    case
                        when person.month_of_birth between 1 and 12 and person.day_of_birth between 1 and 31
                            then person.day_of_birth
                        else 1
                    end - 1
                )
            end
        ) as born_from
    from person
    where person.person_id is not null
    group by person.person_id
),

dead as (
    select death.person_id, min(death.death_date) as death_date
    from death
    group by death.person_id
),

observed as (
    select
        observation_period.person_id,
        min(observation_period.observation_period_start_date) as first_day,
        max(observation_period.observation_period_end_date) as last_day
    from observation_period
    where observation_period.observation_period_start_date <= observation_period.observation_period_end_date
    group by observation_period.person_id
)

select
    born.person_id,
    born.born_from,
    dead.death_date,
    observed.first_day,
    observed.last_day
from born
left join dead on dead.person_id = born.person_id
left join observed on observed.person_id = born.person_id
