-- One row per stratum and covariate pattern, with everybody's intervals of it: all that the models know of a person.
select
    -- By value, not by chance: `risk_change` names patterns by this number, and may be older than this file.
    cast(row_number() over (
        order by
            profile.sex,
            profile.entry_period,
            profile.entry_age_stratum,
            profile.covariates,
            person_time.age_stratum,
            person_time.dose_tspo_binder,
            person_time.dose_tspo_non_binder,
            person_time.dose_tspo_unknown,
            person_time.category_tspo_binder,
            person_time.category_tspo_non_binder,
            person_time.category_tspo_unknown
    ) as integer) as pattern,
    profile.sex,
    profile.entry_period,
    profile.entry_age_stratum,
    profile.covariates,
    person_time.age_stratum,
    person_time.dose_tspo_binder,
    person_time.dose_tspo_non_binder,
    person_time.dose_tspo_unknown,
    person_time.category_tspo_binder,
    person_time.category_tspo_non_binder,
    person_time.category_tspo_unknown,
    list({
        'start_day': person_time.start_day - profile.origin_day,
        'stop_day': person_time.stop_day - profile.origin_day,
        'event': person_time.event,
        'death': person_time.death
    }) as intervals
from person_time
inner join profile on profile.person_id = person_time.person_id
group by
    profile.sex,
    profile.entry_period,
    profile.entry_age_stratum,
    profile.covariates,
    person_time.age_stratum,
    person_time.dose_tspo_binder,
    person_time.dose_tspo_non_binder,
    person_time.dose_tspo_unknown,
    person_time.category_tspo_binder,
    person_time.category_tspo_non_binder,
    person_time.category_tspo_unknown
