"""A synthetic OMOP CDM whose truth is known: `simulate` makes it, `SCENARIOS` names the worlds."""

from cohort.synthetic.parameters import Parameters
from cohort.synthetic.scenarios import SCENARIOS, persons_of
from cohort.synthetic.simulation import simulate

__all__ = ["SCENARIOS", "Parameters", "persons_of", "simulate"]
