-- One row per TSPO class, age stratum and dose category, with totals: persons, events, deaths and days at risk.
with label as (
    select dose_category.category, dose_category.above_nano
    from dose_category
    union all
    select 'unknown dose' as category, null as above_nano
),

numbered as (
    select label.category, cast(row_number() over (order by label.above_nano nulls last) - 1 as integer) as place
    from label
),

-- Which categories a person was ever in, as the binary digits of a number, in each age stratum. Few numbers occur, so
-- persons are told apart once, and not once for each class, stratum and category.
person_stratum as (
    select
        exposure_time.person_id,
        exposure_time.age_stratum,
        bit_or(cast(1 as bigint) << binder.place) as binder,
        bit_or(cast(1 as bigint) << non_binder.place) as non_binder,
        bit_or(cast(1 as bigint) << unknown.place) as unknown
    from exposure_time
    inner join numbered as binder on binder.category = exposure_time.category_tspo_binder
    inner join numbered as non_binder on non_binder.category = exposure_time.category_tspo_non_binder
    inner join numbered as unknown on unknown.category = exposure_time.category_tspo_unknown
    group by exposure_time.person_id, exposure_time.age_stratum
),

person as (
    select
        person_stratum.person_id,
        'overall' as age_stratum,
        bit_or(person_stratum.binder) as binder,
        bit_or(person_stratum.non_binder) as non_binder,
        bit_or(person_stratum.unknown) as unknown
    from person_stratum
    group by person_stratum.person_id
),

same as (
    select
        person_stratum.age_stratum,
        person_stratum.binder,
        person_stratum.non_binder,
        person_stratum.unknown,
        count(*) as persons
    from person_stratum
    group by person_stratum.age_stratum, person_stratum.binder, person_stratum.non_binder, person_stratum.unknown
    union all
    select person.age_stratum, person.binder, person.non_binder, person.unknown, count(*) as persons
    from person
    group by person.age_stratum, person.binder, person.non_binder, person.unknown
),

member as (
    select 'tspo_binder' as exposure, same.age_stratum, same.binder as categories, same.persons
    from same
    union all
    select 'tspo_non_binder' as exposure, same.age_stratum, same.non_binder as categories, same.persons
    from same
    union all
    select 'tspo_unknown' as exposure, same.age_stratum, same.unknown as categories, same.persons
    from same
),

counted as (
    select member.exposure, member.age_stratum, numbered.category, sum(member.persons) as persons
    from member
    inner join numbered on (member.categories >> numbered.place) & 1 = 1
    group by member.exposure, member.age_stratum, numbered.category
    union all
    select member.exposure, member.age_stratum, 'overall' as category, sum(member.persons) as persons
    from member
    group by member.exposure, member.age_stratum
),

cell as (
    select
        exposure_time.age_stratum,
        exposure_time.category_tspo_binder,
        exposure_time.category_tspo_non_binder,
        exposure_time.category_tspo_unknown,
        sum(exposure_time.event) as events,
        sum(exposure_time.death) as deaths,
        sum(exposure_time.stop_day - exposure_time.start_day) as days
    from exposure_time
    group by
        exposure_time.age_stratum,
        exposure_time.category_tspo_binder,
        exposure_time.category_tspo_non_binder,
        exposure_time.category_tspo_unknown
),

by_class as (
    select
        'tspo_binder' as exposure,
        cell.age_stratum,
        cell.category_tspo_binder as category,
        cell.events,
        cell.deaths,
        cell.days
    from cell
    union all
    select
        'tspo_non_binder' as exposure,
        cell.age_stratum,
        cell.category_tspo_non_binder as category,
        cell.events,
        cell.deaths,
        cell.days
    from cell
    union all
    select
        'tspo_unknown' as exposure,
        cell.age_stratum,
        cell.category_tspo_unknown as category,
        cell.events,
        cell.deaths,
        cell.days
    from cell
),

summed as (
    select
        by_class.exposure,
        coalesce(by_class.age_stratum, 'overall') as age_stratum,
        coalesce(by_class.category, 'overall') as category,
        sum(by_class.events) as events,
        sum(by_class.deaths) as deaths,
        sum(by_class.days) as days
    from by_class
    group by
        grouping sets (
            (by_class.exposure, by_class.age_stratum, by_class.category),
            (by_class.exposure, by_class.age_stratum),
            (by_class.exposure, by_class.category),
            (by_class.exposure)
        )
)

select
    summed.exposure,
    summed.age_stratum,
    summed.category,
    cast(counted.persons as bigint) as persons,
    cast(summed.events as bigint) as events,
    cast(summed.deaths as bigint) as deaths,
    cast(summed.days as bigint) as person_days
from summed
inner join counted
    on
        counted.exposure = summed.exposure
        and counted.age_stratum = summed.age_stratum
        and counted.category = summed.category
