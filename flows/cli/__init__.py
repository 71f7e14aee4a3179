"""`tspo`: the study from the command line.

Exit codes: 0 done; 1 the input cannot be studied; 2 wrong usage; 3 done, but a diagnostic gate failed. Imports are
inside the commands, so that `--help` answers at once.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from cohort import __version__
from cohort.errors import TspoError
from flows.cli.cdm import check, codes, plan
from flows.cli.comparison import compare
from flows.cli.person import explain
from flows.cli.runs import demo, report, run
from flows.cli.worlds import expect, simulate, validate
from flows.leave import leave


class _Group(click.Group):
    """Commands whose errors end in a message and an exit code, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TspoError as error:
            click.secho(f"tspo: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
            ctx.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if "TSPO_TRACEBACK" in os.environ:
                raise
            click.secho(f"tspo: {_fault(error)}", err=True, fg="red" if sys.stderr.isatty() else None)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("tspo: stopped; what was finished is kept, and the same command goes on from there.", err=True)
            ctx.exit(130)


def _fault(error: Exception) -> str:
    """What to say of an error that nobody foresaw: where it is, and not its text, which may quote a patient's value."""
    here = Path(__file__).parents[2]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(here)]
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    where = f" at {Path(ours[-1].filename).relative_to(here)}:{ours[-1].lineno}" if ours else ""
    return (
        f"a fault of this program: {type(error).__name__}{where}. Please report this line; it holds nothing of a "
        "patient. Set TSPO_TRACEBACK=1 to see the whole of it, which may."
    )


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tspo")
def main() -> None:
    """Cumulative benzodiazepine dose by TSPO affinity, and the hazard of dementia.

    \b
    Example: tspo demo
    """


for _command in (demo, simulate, check, codes, plan, run, report, compare, explain, validate, expect):
    main.add_command(_command)


def entry_point() -> None:
    """Run `tspo` and leave at once when it is done."""
    code = 0
    try:
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    leave(code)
