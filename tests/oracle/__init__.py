"""The slow, obvious twin of the study's SQL: fills, supplies, entry, exit and person-time, in plain Python.

In: a CDM as {table: [row, ...]} with rows as dicts (a missing table is empty, a missing key is None), study
drugs as dicts, concept sets as {name: [(concept_id, include_descendants, is_excluded), ...]} and `Settings`.
Out: lists of dicts. Doses are counted day by day and cuts are found by looking at every day, so that an error
in the slopes and running sums of the SQL cannot be repeated here. Rules: the protocol's dose and time rules.
"""

from tests.oracle.base import CLASSES, NANO, Cdm, ConceptSets, Row, Settings, birth_date, births, counting
from tests.oracle.baseline import baseline
from tests.oracle.channelling import channelling
from tests.oracle.exposure import Course, category, nano
from tests.oracle.ledger import ledger, strength
from tests.oracle.person_time import attrition, birthday, cohort, entry, outcome_date, person_time, resolve
from tests.oracle.risk_change import risk_changes
from tests.oracle.supply import stockpile, supply, use_periods

__all__ = [
    "CLASSES",
    "NANO",
    "Cdm",
    "ConceptSets",
    "Course",
    "Row",
    "Settings",
    "attrition",
    "baseline",
    "birth_date",
    "birthday",
    "births",
    "category",
    "channelling",
    "cohort",
    "counting",
    "entry",
    "ledger",
    "nano",
    "outcome_date",
    "person_time",
    "resolve",
    "risk_changes",
    "stockpile",
    "strength",
    "supply",
    "use_periods",
]
