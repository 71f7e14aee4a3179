-- One row per TSPO class, sex, age band, calendar period and time before diagnosis: new starts, and days at risk of one.
with followed as (
    select
        cohort.person_id,
        cohort.sex,
        cohort.birth_date,
        cohort.exit_reason = $diagnosis as is_diagnosed,
        -- From the day after entry up to before the last: what is filled on the day of diagnosis may follow it.
        cohort.entry_day + 1 as entry_day,
        cohort.exit_day,
        band_start.lower_age,
        cast(greatest(cohort.entry_day + 1, band_start.day + 1) as integer) as first_day,
        cast(least(cohort.exit_day, coalesce(band_start.end_day + 1, cohort.exit_day)) as integer) as end_day
    from cohort
    inner join band_start on band_start.person_id = cohort.person_id
),

period as (
    select
        followed.person_id,
        followed.sex,
        followed.birth_date,
        followed.is_diagnosed,
        followed.entry_day,
        followed.exit_day,
        followed.lower_age,
        unnest(generate_series(
            cast(extract(year from followed.birth_date + followed.first_day) as integer)
            // $period_years * $period_years,
            cast(extract(year from followed.birth_date + (followed.end_day - 1)) as integer),
            $period_years
        )) as calendar_period,
        followed.first_day,
        followed.end_day
    from followed
    where followed.first_day < followed.end_day
),

dated as (
    select
        period.person_id,
        period.sex,
        period.is_diagnosed,
        period.entry_day,
        period.exit_day,
        period.lower_age,
        period.calendar_period,
        greatest(
            period.first_day, date_diff('day', period.birth_date, make_date(period.calendar_period, 1, 1))
        ) as first_day,
        least(
            period.end_day,
            date_diff('day', period.birth_date, make_date(period.calendar_period + $period_years, 1, 1))
        ) as end_day
    from period
),

-- Those who are not diagnosed have one time without a name; those who are lose what lies before the earliest time.
stretch as (
    select
        dated.person_id,
        dated.sex,
        dated.lower_age,
        dated.calendar_period,
        time_before_diagnosis.time_before_diagnosis,
        greatest(
            dated.entry_day,
            coalesce(dated.exit_day - time_before_diagnosis.at_most_days, dated.entry_day)
        ) as first_day_of_time,
        greatest(
            dated.first_day,
            coalesce(dated.exit_day - time_before_diagnosis.at_most_days, dated.first_day)
        ) as first_day,
        least(dated.end_day, dated.exit_day - coalesce(time_before_diagnosis.above_days, 0)) as end_day
    from dated
    left join time_before_diagnosis
        on
            dated.is_diagnosed
            and dated.first_day < dated.exit_day - time_before_diagnosis.above_days
            and dated.end_day > dated.exit_day - time_before_diagnosis.at_most_days
    where not dated.is_diagnosed or time_before_diagnosis.time_before_diagnosis is not null
),

observed as (
    select
        stretch.sex,
        stretch.lower_age,
        stretch.calendar_period,
        stretch.time_before_diagnosis,
        count(*) filter (where stretch.first_day = stretch.first_day_of_time) as persons,
        sum(stretch.end_day - stretch.first_day) as days
    from stretch
    group by stretch.sex, stretch.lower_age, stretch.calendar_period, stretch.time_before_diagnosis
),

filled as (
    select distinct
        dose.person_id,
        dose.tspo_class,
        date_diff('day', cohort.birth_date, dose.fill_date) as day
    from dose
    inner join cohort on cohort.person_id = dose.person_id
    where dose.status <> 'duplicate' and dose.status not like 'out of scope%'
),

following as (
    select
        filled.person_id,
        filled.tspo_class,
        filled.day,
        coalesce(
            filled.day - lag(filled.day) over (partition by filled.person_id, filled.tspo_class order by filled.day)
            > $washout_days,
            true
        ) as is_start
    from filled
),

numbered as (
    select
        following.person_id,
        following.tspo_class,
        following.day,
        count(*) filter (where following.is_start) over (
            partition by following.person_id, following.tspo_class
            order by following.day
            rows between unbounded preceding and current row
        ) as start_number
    from following
),

-- From a start until the washout after its last fill is over, nothing of the class can start.
course as (
    select
        numbered.person_id,
        numbered.tspo_class,
        min(numbered.day) as start_day,
        max(numbered.day) + $washout_days + 1 as end_day
    from numbered
    group by numbered.person_id, numbered.tspo_class, numbered.start_number
),

touched as (
    select
        course.tspo_class,
        stretch.sex,
        stretch.lower_age,
        stretch.calendar_period,
        stretch.time_before_diagnosis,
        course.start_day >= stretch.first_day as is_start,
        row_number() over (
            partition by
                course.person_id,
                course.tspo_class,
                stretch.time_before_diagnosis,
                course.start_day >= stretch.first_day
            order by course.start_day
        ) as number,
        least(course.end_day, stretch.end_day) - greatest(course.start_day + 1, stretch.first_day) as days
    from stretch
    inner join course
        on
            course.person_id = stretch.person_id
            and course.start_day < stretch.end_day
            and course.end_day > stretch.first_day
),

used as (
    select
        touched.tspo_class,
        touched.sex,
        touched.lower_age,
        touched.calendar_period,
        touched.time_before_diagnosis,
        count(*) filter (where touched.is_start) as starts,
        count(*) filter (where touched.is_start and touched.number = 1) as starters,
        sum(touched.days) as days
    from touched
    group by
        touched.tspo_class, touched.sex, touched.lower_age, touched.calendar_period, touched.time_before_diagnosis
)

select
    class.tspo_class,
    observed.sex,
    observed.lower_age,
    observed.calendar_period,
    observed.time_before_diagnosis,
    observed.persons,
    coalesce(used.starts, 0) as starts,
    coalesce(used.starters, 0) as starters,
    cast(observed.days - coalesce(used.days, 0) as bigint) as days_at_risk
from observed
cross join (select distinct drug_scale.tspo_class from drug_scale) as class
left join used
    on
        used.tspo_class = class.tspo_class
        and used.sex = observed.sex
        and used.lower_age = observed.lower_age
        and used.calendar_period = observed.calendar_period
        and coalesce(used.time_before_diagnosis, '') = coalesce(observed.time_before_diagnosis, '')
