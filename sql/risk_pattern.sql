-- One row per stratum and covariate pattern, with everybody's intervals of it: all that the models know of a person.
select
    -- By value, not by chance: `risk_change` names patterns by this number, and may be older than this file.
    cast(row_number() over (
        order by
            profile.sex,
            profile.entry_period,
            profile.entry_age_stratum,
            profile.covariates,
            exposure_time.age_stratum,
            exposure_time.dose_tspo_binder,
            exposure_time.dose_tspo_non_binder,
            exposure_time.dose_tspo_unknown,
            exposure_time.category_tspo_binder,
            exposure_time.category_tspo_non_binder,
            exposure_time.category_tspo_unknown
    ) as integer) as pattern,
    profile.sex,
    profile.entry_period,
    profile.entry_age_stratum,
    profile.covariates,
    exposure_time.age_stratum,
    exposure_time.dose_tspo_binder,
    exposure_time.dose_tspo_non_binder,
    exposure_time.dose_tspo_unknown,
    exposure_time.category_tspo_binder,
    exposure_time.category_tspo_non_binder,
    exposure_time.category_tspo_unknown,
    list({
        'start_day': exposure_time.start_day - profile.origin_day,
        'stop_day': exposure_time.stop_day - profile.origin_day,
        'event': exposure_time.event,
        'death': exposure_time.death
    }) as intervals
from exposure_time
inner join profile on profile.person_id = exposure_time.person_id
group by
    profile.sex,
    profile.entry_period,
    profile.entry_age_stratum,
    profile.covariates,
    exposure_time.age_stratum,
    exposure_time.dose_tspo_binder,
    exposure_time.dose_tspo_non_binder,
    exposure_time.dose_tspo_unknown,
    exposure_time.category_tspo_binder,
    exposure_time.category_tspo_non_binder,
    exposure_time.category_tspo_unknown
