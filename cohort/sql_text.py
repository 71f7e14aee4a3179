"""Text inside SQL: names and files that stand for themselves, whatever characters they hold.

In: a name or a path. Out: an identifier or a literal.
"""

import re


def quoted(name: str, mark: str = '"') -> str:
    """A name as an SQL identifier, or with the mark `'` a text as an SQL literal."""
    return mark + name.replace(mark, mark * 2) + mark


def file_literal(path: object) -> str:
    """One file as a literal: what the engine takes for a pattern (`*`, `?`, `[`) means itself.

    >>> file_literal("a[b]*/it's.parquet")
    "'a[[]b][*]/it''s.parquet'"
    """
    return quoted(re.sub(r"([*?\[])", r"[\1]", str(path)), "'")
