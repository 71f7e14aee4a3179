-- One row per person of the cohort: 1 where a covariate was recorded on or before entry.
select
    cohort.person_id,
    cast(coalesce(bool_or(covariate_record.concept_set = 'anxiety_disorder'), false) as tinyint) as anxiety_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'depression'), false) as tinyint) as depression,
    cast(coalesce(bool_or(covariate_record.concept_set = 'insomnia'), false) as tinyint) as insomnia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'bipolar_disorder'), false) as tinyint) as bipolar_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'schizophrenia'), false) as tinyint) as schizophrenia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ptsd'), false) as tinyint) as ptsd,
    cast(coalesce(bool_or(covariate_record.concept_set = 'alcohol_use_disorder'), false) as tinyint)
        as alcohol_use_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'epilepsy'), false) as tinyint) as epilepsy,
    cast(coalesce(bool_or(covariate_record.concept_set = 'parkinsons_disease'), false) as tinyint) as parkinsons_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'restless_legs'), false) as tinyint) as restless_legs,
    cast(coalesce(bool_or(covariate_record.concept_set = 'sleep_apnea'), false) as tinyint) as sleep_apnea,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hypertension'), false) as tinyint) as hypertension,
    cast(coalesce(bool_or(covariate_record.concept_set = 'diabetes_mellitus'), false) as tinyint) as diabetes_mellitus,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hyperlipidemia'), false) as tinyint) as hyperlipidemia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ischemic_heart_disease'), false) as tinyint)
        as ischemic_heart_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'heart_failure'), false) as tinyint) as heart_failure,
    cast(coalesce(bool_or(covariate_record.concept_set = 'atrial_fibrillation'), false) as tinyint) as atrial_fibrillation,
    cast(coalesce(bool_or(covariate_record.concept_set = 'stroke_any'), false) as tinyint) as stroke_any,
    cast(coalesce(bool_or(covariate_record.concept_set = 'traumatic_brain_injury'), false) as tinyint)
        as traumatic_brain_injury,
    cast(coalesce(bool_or(covariate_record.concept_set = 'chronic_pain'), false) as tinyint) as chronic_pain,
    cast(coalesce(bool_or(covariate_record.concept_set = 'copd'), false) as tinyint) as copd,
    cast(coalesce(bool_or(covariate_record.concept_set = 'chronic_kidney_disease'), false) as tinyint)
        as chronic_kidney_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'obesity'), false) as tinyint) as obesity,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hearing_loss'), false) as tinyint) as hearing_loss
from cohort
left join covariate_record on covariate_record.person_id = cohort.person_id
group by cohort.person_id
