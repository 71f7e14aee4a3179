-- One row per person of the cohort: the stratum of the baseline hazard, age at entry, and the models' covariates.
with possessed as (
    select
        covariate_record.person_id,
        string_agg(covariate_record.concept_set, ', ' order by covariate_record.concept_set) as covariates
    from covariate_record
    inner join model_covariate on model_covariate.concept_set = covariate_record.concept_set
    group by covariate_record.person_id
),

entered as (
    select cohort.person_id, max(band_start.lower_age) as lower_age
    from cohort
    inner join band_start on band_start.person_id = cohort.person_id
    where band_start.day <= cohort.entry_day
    group by cohort.person_id
)

select
    cohort.person_id,
    cohort.sex,
    -- The first year of the period of entry.
    cohort.index_year // $period_years * $period_years as entry_period,
    age_band.age_stratum as entry_age_stratum,
    coalesce(possessed.covariates, '') as covariates,
    -- Day of age at which the time scale has its zero.
    case when $time_scale = 'follow-up' then cohort.entry_day else 0 end as origin_day
from cohort
inner join entered on entered.person_id = cohort.person_id
inner join age_band on age_band.lower_age = entered.lower_age
left join possessed on possessed.person_id = cohort.person_id
