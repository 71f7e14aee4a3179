"""A plan as rows of text for the terminal. In: a `Plan`. Out: rows by title."""

from collections.abc import Callable, Sequence

from cohort.analyses import PRIMARY
from cohort.plan.plan import Plan, Range, TablePlanned
from cohort.plan.rules import SMALL

Rows = list[dict[str, str]]


def plan_pages(plan: Plan) -> dict[str, Rows]:
    """Title -> rows: what is read, what is built, what it takes. Tables of few rows are left out."""
    others = [table for table in plan.tables if table.analysis != PRIMARY]
    return {
        "Rows to read": [
            {"table": read.table, "rows": _count(read.rows), "times": f"{read.times:,}"} for read in plan.reads
        ],
        f"Rows to build, tables of fewer than {SMALL:,} left out": [
            {
                "table": table.table,
                "rows": _count(table.rows),
                "between": "counted" if table.is_counted else _between(table.low, table.high),
                "other analyses": _in_others(table.table, others),
                "rule": table.rule,
            }
            for table in plan.tables
            if table.analysis == PRIMARY and isinstance(table.rows, int) and table.rows >= SMALL
        ],
        f"What the run takes: {len(plan.tables):,} tables and {plan.models:,} models": [
            _needed("time", plan.seconds, _time),
            _needed("peak memory", plan.memory_mb, _size),
            _needed("of it the database engine, not to spill", plan.working_set_mb, _size),
            _needed("disk, in private/", plan.disk_mb, _size),
        ],
    }


def spill_sentence(plan: Plan) -> str:
    """Whether the database engine has memory enough to keep what it sorts."""
    words = {
        "no": f"The database engine needs no more than --memory {plan.memory_limit}: nothing spills.",
        "may": f"The database engine may need more than --memory {plan.memory_limit}, and spill to private/spill.",
        "yes": f"The database engine needs more than --memory {plan.memory_limit}: it spills to disk or fails.",
    }
    return words[plan.spills]


def _in_others(table: str, others: Sequence[TablePlanned]) -> str:
    rows = [other.rows for other in others if other.table == table]
    if not rows:
        return ""
    return f"{len(rows)}: {_count(sum(count for count in rows if isinstance(count, int)))}"


def _needed(what: str, needed: Range, told: Callable[[float], str]) -> dict[str, str]:
    return {"what": what, "about": told(needed.estimate), "between": f"{told(needed.low)} and {told(needed.high)}"}


def _between(low: int | str, high: int | str) -> str:
    return f"{_count(low)} and {_count(high)}"


def _count(count: int | str) -> str:
    return f"{count:,}" if isinstance(count, int) else count


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
