-- One row per fill that counts and has days of supply: its day of age, as days at home are numbered, and its queue.
with counting as (
    select
        dose.drug_exposure_id,
        dose.person_id,
        dose.drug_concept_id,
        dose.ingredient_concept_id,
        dose.tspo_class,
        date_diff('day', birth.birth_date, dose.fill_date) as fill_day,
        dose.days,
        dose.mg_per_day,
        dose.dme_per_day,
        dose.ddd_per_day,
        dose.tspo_per_day
    from dose
    inner join birth on birth.person_id = dose.person_id
    where dose.days is not null and dose.status <> 'duplicate' and dose.status not like 'out of scope%'
),

-- A fill during a stay is used from the first day at home on.
after_stay as (
    select
        counting.drug_exposure_id,
        counting.ingredient_concept_id,
        greatest(counting.fill_day - max(hospital_stay.nights_so_far), max(hospital_stay.home_day)) as fill_day
    from counting
    inner join hospital_stay
        on hospital_stay.person_id = counting.person_id and hospital_stay.first_day <= counting.fill_day
    group by counting.drug_exposure_id, counting.ingredient_concept_id, counting.fill_day
),

at_home as (
    select
        counting.drug_exposure_id,
        counting.person_id,
        counting.drug_concept_id,
        counting.ingredient_concept_id,
        counting.tspo_class,
        coalesce(after_stay.fill_day, counting.fill_day) as fill_day,
        counting.days,
        counting.mg_per_day,
        counting.dme_per_day,
        counting.ddd_per_day,
        counting.tspo_per_day
    from counting
    left join after_stay
        on
            after_stay.drug_exposure_id = counting.drug_exposure_id
            and after_stay.ingredient_concept_id = counting.ingredient_concept_id
),

-- Where drugs replace each other, the days with a fill of another drug of the class part a drug's fills into queues.
class_day as (
    select distinct at_home.person_id, at_home.tspo_class, at_home.ingredient_concept_id, at_home.fill_day
    from at_home
    where $overlap = 'switch'
),

switched as (
    select
        class_day.person_id,
        class_day.ingredient_concept_id,
        class_day.fill_day,
        count(distinct other.fill_day) filter (where other.fill_day <= class_day.fill_day) as queue,
        min(other.fill_day) filter (where other.fill_day > class_day.fill_day) as switch_day
    from class_day
    inner join class_day as other
        on
            other.person_id = class_day.person_id
            and other.tspo_class = class_day.tspo_class
            and other.ingredient_concept_id <> class_day.ingredient_concept_id
    group by class_day.person_id, class_day.ingredient_concept_id, class_day.fill_day
)

select
    at_home.drug_exposure_id,
    at_home.person_id,
    at_home.drug_concept_id,
    at_home.ingredient_concept_id,
    at_home.tspo_class,
    cast(at_home.fill_day as integer) as fill_day,
    cast(coalesce(switched.queue, 0) as integer) as queue,
    cast(switched.switch_day as integer) as switch_day,
    at_home.days,
    at_home.mg_per_day,
    at_home.dme_per_day,
    at_home.ddd_per_day,
    at_home.tspo_per_day
from at_home
left join switched
    on
        switched.person_id = at_home.person_id
        and switched.ingredient_concept_id = at_home.ingredient_concept_id
        and switched.fill_day = at_home.fill_day
