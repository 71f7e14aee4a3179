"""A synthetic OMOP CDM whose truth is known: `simulate` makes it, `SCENARIOS` names the worlds."""

from cohort.synthetic.parameters import SCENARIOS, Parameters
from cohort.synthetic.simulation import simulate

__all__ = ["SCENARIOS", "Parameters", "simulate"]
