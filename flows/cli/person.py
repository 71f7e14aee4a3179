"""`tspo explain`: one person's way through a run."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cohort.errors import UsageError

if TYPE_CHECKING:
    from cohort.run import RunFolder

_SYNTHETIC = "tspo-cohort"
"""The holder of a CDM that `tspo simulate` has made: nobody's data."""


@click.command(context_settings={"ignore_unknown_options": True})  # -5 is a person, not an option
@click.argument("person", type=int, metavar="PERSON")
@click.option("--out", required=True, metavar="DIR", help="The folder of the run.")
@click.option("--svg", metavar="FILE", help="Draw the timeline into this file too.")
@click.option(
    "--show-patient", is_flag=True, help="You may see this patient's records: needed for a CDM that is not synthetic."
)
def explain(person: int, out: str, svg: str | None, show_patient: bool) -> None:
    """Show a person's fills, doses and person-time in a run, and why the person is in it or not.

    What is shown is of one patient, and belongs nowhere but on this screen and in the file that you name.

    \b
    Example: tspo explain 37 --out demo/run --svg person.svg
    """
    from cohort.run import RunFolder
    from cohort.timeline import picture, read_timeline, words

    folder = RunFolder(Path(out))
    if svg and Path(svg).resolve().is_relative_to(folder.release.resolve()):
        raise UsageError(
            f"{svg} is in release/, which may leave the building; a patient may not. Choose another --svg."
        )
    if not show_patient and not _is_synthetic(folder):
        raise UsageError(
            "This would show one patient's records on the screen, for the run's CDM is not known to be synthetic. If "
            "you may see them, say so with --show-patient."
        )
    found = read_timeline(folder, person)
    click.echo(words(found), nl=False)
    if svg:
        try:
            with open(svg, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(picture(found))
        except OSError as error:
            raise UsageError(f"{svg} cannot be written: {error.strerror}. Choose another --svg.") from None


def _is_synthetic(folder: "RunFolder") -> bool:
    """Whether the run's record says so of the tables that are there: another CDM may have been studied since."""
    from cohort.analyses import PRIMARY
    from cohort.content import stored_key

    try:
        record = json.loads((folder.release / "run.json").read_text(encoding="utf-8"))
        keys = {step["name"]: step["key"] for step in record["steps"] if step["analysis"] == PRIMARY}
        is_synthetic = record["cdm"]["cdm_holder"] == _SYNTHETIC
    except (OSError, ValueError, KeyError, TypeError):
        return False
    there = {path.stem: stored_key(path) for path in folder.private.glob("*.parquet")}
    return bool(is_synthetic and keys and all(keys.get(name) == key for name, key in there.items() if name in keys))
