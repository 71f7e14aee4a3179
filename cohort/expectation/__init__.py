"""Expectation files: a person's fills, and what the study must make of them, written down by an epidemiologist.

`file` is what a file may hold, `reader` reads it or says what is wrong with it, `person` makes it a CDM of one person,
and `check` runs the study's SQL on that and compares.
"""
