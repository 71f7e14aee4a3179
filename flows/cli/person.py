"""`tspo explain`: one person's way through a run."""

import json
from pathlib import Path

import click

from cohort.errors import UsageError

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
    if not show_patient and not _is_synthetic(folder.release / "run.json"):
        raise UsageError(
            "This would show one patient's records on the screen, for the run's CDM is not known to be synthetic. If "
            "you may see them, say so with --show-patient."
        )
    found = read_timeline(folder, person)
    click.echo(words(found), nl=False)
    if svg:
        try:
            Path(svg).write_text(picture(found), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{svg} cannot be written: {error.strerror}. Choose another --svg.") from None


def _is_synthetic(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["cdm"]["cdm_holder"] == _SYNTHETIC)
    except (OSError, ValueError, KeyError, TypeError):
        return False
