-- One row per person with a year of birth: sex, and a birth date whose missing parts follow a stated rule.
with part as (
    select
        person.person_id,
        person.gender_concept_id,
        person.year_of_birth,
        case when person.month_of_birth between 1 and 12 then person.month_of_birth end as month_of_birth,
        case when person.day_of_birth between 1 and 31 then person.day_of_birth end as day_of_birth
    from person
    where person.year_of_birth between 1 and 9999
)

select
    part.person_id,
    case part.gender_concept_id when 8507 then 'Male' when 8532 then 'Female' else 'Unknown' end as sex,
    case
        when part.month_of_birth is null then make_date(part.year_of_birth, 7, 1)
        else make_date(part.year_of_birth, part.month_of_birth, 1) + (coalesce(part.day_of_birth, 15) - 1)
    end as birth_date,
    part.month_of_birth is null or part.day_of_birth is null as birth_date_imputed
from part
