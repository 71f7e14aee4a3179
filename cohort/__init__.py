"""Cumulative benzodiazepine dose by TSPO affinity and time to dementia, on any OMOP CDM."""

__version__ = "0.1.0"
