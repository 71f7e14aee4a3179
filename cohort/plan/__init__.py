"""What a run will read, make and need, told before it starts: rows, memory, disk and time.

In: an open CDM and the protocol. Out: a `Plan`. What is counted in the CDM is exact; what follows from it by the rules
of `cohort.plan.rules` is an estimate with a range.
"""

from cohort.plan.plan import Plan, plan

__all__ = ["Plan", "plan"]
