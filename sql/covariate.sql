-- One row per person of the cohort: 1 where a covariate was recorded in the look-back before entry.
select
    cohort.person_id,
    cast(coalesce(bool_or(covariate_record.concept_set = 'anxiety_disorder'), false) as tinyint) as anxiety_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'depression'), false) as tinyint) as depression,
    cast(coalesce(bool_or(covariate_record.concept_set = 'insomnia'), false) as tinyint) as insomnia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'bipolar_disorder'), false) as tinyint) as bipolar_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'schizophrenia'), false) as tinyint) as schizophrenia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ptsd'), false) as tinyint) as ptsd,
    cast(coalesce(bool_or(covariate_record.concept_set = 'sleep_apnea'), false) as tinyint) as sleep_apnea,
    cast(coalesce(bool_or(covariate_record.concept_set = 'restless_legs'), false) as tinyint) as restless_legs,
    cast(coalesce(bool_or(covariate_record.concept_set = 'alcohol_use_disorder'), false) as tinyint)
        as alcohol_use_disorder,
    cast(coalesce(bool_or(covariate_record.concept_set = 'opioid_dependence'), false) as tinyint) as opioid_dependence,
    cast(coalesce(bool_or(covariate_record.concept_set = 'smoking_pl1166'), false) as tinyint) as smoking_pl1166,
    cast(coalesce(bool_or(covariate_record.concept_set = 'epilepsy'), false) as tinyint) as epilepsy,
    cast(coalesce(bool_or(covariate_record.concept_set = 'parkinsons_disease'), false) as tinyint)
        as parkinsons_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'traumatic_brain_injury'), false) as tinyint)
        as traumatic_brain_injury,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hearing_loss'), false) as tinyint) as hearing_loss,
    cast(coalesce(bool_or(covariate_record.concept_set = 'chronic_pain'), false) as tinyint) as chronic_pain,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hypertension'), false) as tinyint) as hypertension,
    cast(coalesce(bool_or(covariate_record.concept_set = 'diabetes_mellitus'), false) as tinyint) as diabetes_mellitus,
    cast(coalesce(bool_or(covariate_record.concept_set = 'hyperlipidemia'), false) as tinyint) as hyperlipidemia,
    cast(coalesce(bool_or(covariate_record.concept_set = 'obesity'), false) as tinyint) as obesity,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ischemic_heart_disease'), false) as tinyint)
        as ischemic_heart_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'heart_failure'), false) as tinyint) as heart_failure,
    cast(coalesce(bool_or(covariate_record.concept_set = 'atrial_fibrillation'), false) as tinyint)
        as atrial_fibrillation,
    cast(coalesce(bool_or(covariate_record.concept_set = 'stroke_any'), false) as tinyint) as stroke_any,
    cast(coalesce(bool_or(covariate_record.concept_set = 'copd'), false) as tinyint) as copd,
    cast(coalesce(bool_or(covariate_record.concept_set = 'chronic_kidney_disease'), false) as tinyint)
        as chronic_kidney_disease,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ssri'), false) as tinyint) as ssri,
    cast(coalesce(bool_or(covariate_record.concept_set = 'snri'), false) as tinyint) as snri,
    cast(coalesce(bool_or(covariate_record.concept_set = 'tca'), false) as tinyint) as tca,
    cast(coalesce(bool_or(covariate_record.concept_set = 'other_antidepressants'), false) as tinyint)
        as other_antidepressants,
    cast(coalesce(bool_or(covariate_record.concept_set = 'antipsychotics'), false) as tinyint) as antipsychotics,
    cast(coalesce(bool_or(covariate_record.concept_set = 'lithium'), false) as tinyint) as lithium,
    cast(coalesce(bool_or(covariate_record.concept_set = 'antiepileptics_nonbenzo'), false) as tinyint)
        as antiepileptics_nonbenzo,
    cast(coalesce(bool_or(covariate_record.concept_set = 'antiparkinson_drugs'), false) as tinyint)
        as antiparkinson_drugs,
    cast(coalesce(bool_or(covariate_record.concept_set = 'opioids'), false) as tinyint) as opioids,
    cast(coalesce(bool_or(covariate_record.concept_set = 'anticholinergics_strong'), false) as tinyint)
        as anticholinergics_strong,
    cast(coalesce(bool_or(covariate_record.concept_set = 'statins'), false) as tinyint) as statins,
    cast(coalesce(bool_or(covariate_record.concept_set = 'ace_inhibitors'), false) as tinyint) as ace_inhibitors,
    cast(coalesce(bool_or(covariate_record.concept_set = 'arbs'), false) as tinyint) as arbs,
    cast(coalesce(bool_or(covariate_record.concept_set = 'beta_blockers'), false) as tinyint) as beta_blockers,
    cast(coalesce(bool_or(covariate_record.concept_set = 'calcium_channel_blockers'), false) as tinyint)
        as calcium_channel_blockers,
    cast(coalesce(bool_or(covariate_record.concept_set = 'diuretics'), false) as tinyint) as diuretics,
    cast(coalesce(bool_or(covariate_record.concept_set = 'other_antihypertensives'), false) as tinyint)
        as other_antihypertensives
from cohort
left join covariate_record on covariate_record.person_id = cohort.person_id
group by cohort.person_id
