-- One row per stratum and covariate pattern: all that the models know of a person.
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
    exposure_time.category_tspo_unknown
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
