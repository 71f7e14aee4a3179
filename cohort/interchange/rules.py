"""The rules of omopgenerics for a summarised_result: what its readers would refuse. Tests hold releases to them.

Source: omopgenerics 1.3.6, newSummarisedResult and what it calls.
"""

import re

import polars as pl

from cohort.interchange.summarised_result import COLUMNS, PAIRS, SEPARATOR, SETTINGS
from cohort.results import OVERALL

ESTIMATE_TYPES = ("numeric", "integer", "date", "character", "proportion", "percentage", "logical")
COMPULSORY = ("result_type", "package_name", "package_version", *PAIRS, "min_cell_count")
"""Settings that every result has; omopgenerics adds those that are missing."""
GROUP_COUNTS = ("number subjects", "number records")
"""Variables of which a group has one count at the most: by it omopgenerics hides the whole group."""
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def broken_rules(result: pl.DataFrame) -> list[str]:
    """What newSummarisedResult would refuse or warn of, as messages; none for a result that keeps the rules.

    Args:
        result: with settings as rows, as exportSummarisedResult writes them.
    """
    if list(result.columns) != list(COLUMNS):
        return [f"the columns are {', '.join(result.columns)}, not {', '.join(COLUMNS)}"]
    rows = result.filter(pl.col("variable_name") != SETTINGS)
    settings = result.filter(pl.col("variable_name") == SETTINGS)
    return [*_of_values(result), *_of_pairs(result), *_of_settings(rows, settings), *_of_rows(rows)]


def _of_values(result: pl.DataFrame) -> list[str]:
    said = [
        f"{column} is missing in {result.get_column(column).null_count()} row(s)"
        for column in COLUMNS
        if column != "variable_level" and result.get_column(column).null_count()
    ]
    kinds = set(result.get_column("estimate_type")) - {*ESTIMATE_TYPES, None}
    return said + [f"{kind} is no estimate_type" for kind in sorted(kinds)]


def _of_pairs(result: pl.DataFrame) -> list[str]:
    said = []
    for prefix in PAIRS:
        for name, level in (
            result.select(f"{prefix}_name", f"{prefix}_level").drop_nulls().unique().sort(pl.all()).rows()
        ):
            names = name.split(SEPARATOR)
            if len(names) != len(level.split(SEPARATOR)):
                said.append(f"{prefix}_name {name} and {prefix}_level {level} differ in number")
            said += [f"{part} of {prefix}_name is not snake_case" for part in names if not _SNAKE.fullmatch(part)]
    return list(dict.fromkeys(said))


def _of_settings(rows: pl.DataFrame, settings: pl.DataFrame) -> list[str]:
    said = []
    there = {
        number: dict(own.select("estimate_name", "estimate_value").iter_rows())
        for (number,), own in settings.group_by("result_id", maintain_order=True)
    }
    for number in rows.get_column("result_id").unique().sort():
        own = there.get(number, {})
        # Empty settings have no row: a result may have no strata.
        missing = [name for name in COMPULSORY if name not in own and name not in PAIRS]
        said += [f"result_id {number} has no setting {name}" for name in missing]
        parts = [set(own.get(prefix, "").split(SEPARATOR)) - {"", OVERALL} for prefix in PAIRS]
        if len(set().union(*parts)) != sum(map(len, parts)):
            said.append(f"result_id {number} has a name in two of {', '.join(PAIRS)}")
    alike = len(there) - len({tuple(sorted(own.items())) for own in there.values()})
    if alike:
        said.append(f"{alike} result_id(s) have the settings of another")
    repeated = settings.height - settings.unique(["result_id", "estimate_name"]).height
    return said + ([f"{repeated} setting(s) are there twice"] if repeated else [])


def _of_rows(rows: pl.DataFrame) -> list[str]:
    said = []
    repeated = rows.height - rows.unique([column for column in COLUMNS if column != "estimate_value"]).height
    if repeated:
        said.append(f"{repeated} estimate(s) are there twice")
    group = ["result_id", "cdm_name", *(f"{prefix}_{part}" for prefix in PAIRS for part in ("name", "level"))]
    variable = pl.col("variable_name").str.replace_all("_", " ").str.to_lowercase()
    counts = rows.filter(variable.is_in(GROUP_COUNTS) & pl.col("estimate_name").str.contains("count"))
    many = counts.height - counts.unique([*group, "variable_name"]).height
    return said + ([f"{many} group(s) have more than one number of subjects or records"] if many else [])
