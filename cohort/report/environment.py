"""How the templates of pages are read: nothing unescaped, nothing undefined, no lines of their own for statements."""

from pathlib import Path

import jinja2


def page_environment(folder: Path) -> jinja2.Environment:
    """The environment of a folder's templates."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
