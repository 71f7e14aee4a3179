"""What a run without anybody watching has to decide: whether there is anything new, and into which folder it goes.

In: a prepared run. Out: `private/studied.json`, the key of all that the last finished run was made from, by which the
next one knows that nothing has changed; and, for runs from nothing, a folder named by the day.
"""

import datetime as dt
import itertools
import json
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cohort.content import digest
from cohort.errors import UsageError
from cohort.run import write_json
from cohort.study import Prepared, RunSettings, code_hash, table_keys


class Studied(BaseModel):
    """What the last finished run of a folder was made from, and whether its gate failed."""

    model_config = ConfigDict(frozen=True)

    key: str
    gate_failed: bool


def content_key(prepared: Prepared) -> str:
    """A key that changes with the CDM's files, the protocol, the SQL, the facts and the program."""
    tables = {analysis: table_keys(prepared, analysis) for analysis in prepared.planned}
    protocol = prepared.settings.load_protocol().content_hash()
    return digest([json.dumps([tables, protocol, code_hash()], sort_keys=True)])


def last_studied(prepared: Prepared) -> Studied | None:
    """The finished run that the folder holds, if it was made from the very same; else none."""
    folder = prepared.settings.folder
    if not (folder.release / "report.html").exists():
        return None
    with suppress(OSError, ValidationError):
        last = Studied.model_validate_json(_note(prepared).read_bytes())
        return last if last.key == content_key(prepared) else None
    return None


def forget_studied(prepared: Prepared) -> None:
    """Before a run: what the folder holds from now on is not finished."""
    _note(prepared).unlink(missing_ok=True)


def note_studied(prepared: Prepared, key: str, gate_failed: bool) -> None:
    """After a run: remember what it was made from.

    Args:
        key: `content_key` of the run as it began.
    """
    write_json(_note(prepared), Studied(key=key, gate_failed=gate_failed).model_dump())


def _note(prepared: Prepared) -> Path:
    return prepared.settings.folder.private / "studied.json"


def in_new_folder(settings: RunSettings, day: dt.date) -> RunSettings:
    """The same run in a new folder below `out`, named by the day, and by a number from the second of that day on.

    Raises:
        UsageError: the folder cannot be made.
    """
    out = Path(settings.out)
    names = itertools.chain([f"{day:%Y-%m-%d}"], (f"{day:%Y-%m-%d}-{number}" for number in itertools.count(2)))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            with suppress(FileExistsError):  # made by whoever comes first, so that no two runs share one
                (out / name).mkdir()
                break
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}. Choose another --out.") from None
    return settings.model_copy(update={"out": str(out / name), "new_folder": False})
