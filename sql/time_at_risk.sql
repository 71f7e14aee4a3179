-- One row per TSPO class, age stratum and dose category, with totals: persons, events, deaths and days at risk.
with by_class as (
    select
        person_time.person_id,
        'tspo_binder' as exposure,
        person_time.category_tspo_binder as category,
        person_time.age_stratum,
        person_time.event,
        person_time.death,
        person_time.stop_day - person_time.start_day as days
    from person_time
    union all
    select
        person_time.person_id,
        'tspo_non_binder' as exposure,
        person_time.category_tspo_non_binder as category,
        person_time.age_stratum,
        person_time.event,
        person_time.death,
        person_time.stop_day - person_time.start_day as days
    from person_time
    union all
    select
        person_time.person_id,
        'tspo_unknown' as exposure,
        person_time.category_tspo_unknown as category,
        person_time.age_stratum,
        person_time.event,
        person_time.death,
        person_time.stop_day - person_time.start_day as days
    from person_time
)

select
    by_class.exposure,
    coalesce(by_class.age_stratum, 'overall') as age_stratum,
    coalesce(by_class.category, 'overall') as category,
    count(distinct by_class.person_id) as persons,
    cast(sum(by_class.event) as bigint) as events,
    cast(sum(by_class.death) as bigint) as deaths,
    cast(sum(by_class.days) as bigint) as person_days
from by_class
group by
    grouping sets (
        (by_class.exposure, by_class.age_stratum, by_class.category),
        (by_class.exposure, by_class.age_stratum),
        (by_class.exposure, by_class.category),
        (by_class.exposure)
    )
