-- One row per class of the first drug and characteristic at entry: persons who have it, and sums of those in numbers.
with person_at_entry as (
    select first_class.first_class, cohort.entry_day, cohort.sex, profile.entry_period, profile.entry_age_stratum
    from cohort
    inner join first_class on first_class.person_id = cohort.person_id
    inner join profile on profile.person_id = cohort.person_id
),

recorded as (
    select first_class.first_class, baseline_record.concept_set, baseline_record.days_before
    from baseline_record
    inner join first_class on first_class.person_id = baseline_record.person_id
),

counted as (
    select
        person_at_entry.first_class,
        'persons' as characteristic,
        '' as level,
        count(*) as persons,
        sum(person_at_entry.entry_day) as total,
        sum(cast(person_at_entry.entry_day as bigint) * person_at_entry.entry_day) as total_of_squares
    from person_at_entry
    group by person_at_entry.first_class
    union all
    select
        person_at_entry.first_class,
        'age at entry' as characteristic,
        person_at_entry.entry_age_stratum as level,
        count(*) as persons,
        null as total,
        null as total_of_squares
    from person_at_entry
    group by person_at_entry.first_class, person_at_entry.entry_age_stratum
    union all
    select
        person_at_entry.first_class,
        'sex' as characteristic,
        person_at_entry.sex as level,
        count(*) as persons,
        null as total,
        null as total_of_squares
    from person_at_entry
    group by person_at_entry.first_class, person_at_entry.sex
    union all
    select
        person_at_entry.first_class,
        'year of entry' as characteristic,
        cast(person_at_entry.entry_period as varchar) as level,
        count(*) as persons,
        null as total,
        null as total_of_squares
    from person_at_entry
    group by person_at_entry.first_class, person_at_entry.entry_period
    union all
    select
        recorded.first_class,
        recorded.concept_set as characteristic,
        'ever' as level,
        count(*) as persons,
        null as total,
        null as total_of_squares
    from recorded
    group by recorded.first_class, recorded.concept_set
    union all
    select
        recorded.first_class,
        recorded.concept_set as characteristic,
        'last year' as level,
        count(*) as persons,
        null as total,
        null as total_of_squares
    from recorded
    where recorded.days_before <= 365
    group by recorded.first_class, recorded.concept_set
)

select
    counted.first_class,
    counted.characteristic,
    counted.level,
    counted.persons,
    -- Days of age at entry, for their mean and their standard deviation.
    cast(counted.total as bigint) as days,
    cast(counted.total_of_squares as bigint) as squared_days
from counted
