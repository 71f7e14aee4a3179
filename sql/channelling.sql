-- One row per TSPO class, sex, age band, calendar period and time before diagnosis: new starts, and days at risk of one.
with followed as (
    select
        cohort.person_id,
        cohort.sex,
        cohort.birth_date,
        -- From the day after entry up to before the last: what is filled on the day of diagnosis may follow it.
        cohort.entry_day + 1 as first_day,
        cohort.exit_day as end_day,
        cohort.exit_reason = $diagnosis as is_diagnosed,
        cohort.index_year // $period_years * $period_years as first_period,
        cast(extract(year from cohort.exit_date) as integer) as last_year
    from cohort
),

period as (
    select
        followed.person_id,
        unnest(generate_series(followed.first_period, followed.last_year, $period_years)) as calendar_period
    from followed
),

-- Those who are not diagnosed have one time without a name; those who are lose what lies before the earliest time.
span as (
    select
        followed.person_id,
        followed.sex,
        followed.birth_date,
        time_before_diagnosis.time_before_diagnosis,
        greatest(
            followed.first_day,
            coalesce(followed.end_day - time_before_diagnosis.at_most_days, followed.first_day)
        ) as first_day,
        followed.end_day - coalesce(time_before_diagnosis.above_days, 0) as end_day
    from followed
    left join time_before_diagnosis on followed.is_diagnosed
),

stretch as (
    select
        span.person_id,
        span.sex,
        band_start.lower_age,
        period.calendar_period,
        span.time_before_diagnosis,
        span.first_day as first_day_of_span,
        greatest(
            span.first_day,
            band_start.day + 1,
            date_diff('day', span.birth_date, make_date(period.calendar_period, 1, 1))
        ) as first_day,
        least(
            span.end_day,
            coalesce(band_start.end_day + 1, span.end_day),
            date_diff('day', span.birth_date, make_date(period.calendar_period + $period_years, 1, 1))
        ) as end_day
    from span
    inner join period on period.person_id = span.person_id
    inner join band_start on band_start.person_id = span.person_id
),

observed as (
    select
        stretch.sex,
        stretch.lower_age,
        stretch.calendar_period,
        stretch.time_before_diagnosis,
        count(*) filter (where stretch.first_day = stretch.first_day_of_span) as persons,
        sum(stretch.end_day - stretch.first_day) as days
    from stretch
    where stretch.first_day < stretch.end_day
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
    where stretch.first_day < stretch.end_day
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
