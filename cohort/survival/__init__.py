"""Survival analysis of start-stop data: exact with delayed entry, ties and strata.

What to use is in `cohort.survival.api`. It is not imported from here: who needs one module gets that one, and the
command line starts without scipy.
"""
