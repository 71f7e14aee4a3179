"""Survival analysis of start-stop data: exact with delayed entry, ties and strata."""
