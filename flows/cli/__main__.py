"""`python -m flows.cli` is `tspo`."""

from flows.cli import entry_point

entry_point()
