"""How much of what came out otherwise belongs to each cause: one cause at a time is put into the first run.

In: two finished runs and the CDMs that they read. Out: for each cause the change that it makes by itself, from runs
made anew of the primary analysis, its main models alone. What the causes make together, and not each by itself, is
told as such; so is what today's program and packages make of the same input, which cannot be swapped.

The runs lie in a folder of the caller's, which holds patients' rows: it is to be taken away.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cohort.comparison.effects import Effects, effects
from cohort.errors import CannotStudy, UsageError
from cohort.protocol import Protocol, leaf_fields
from cohort.protocol_sections import HEADLINE
from cohort.run import RunFolder, write_json
from cohort.source import is_on_server, with_vocabulary_of
from cohort.study import RunSettings
from cohort.unorchestrated import run_unorchestrated

CDM, PROTOCOL, SETS = "CDM", "protocol", "concept sets"
PROGRAM, TOGETHER = "program, packages", "together"
_NOT_OF_RESULTS = ("study", "gates", "disclosure")
"""Sections that change no estimate of the primary analysis; runs made anew suppress as the first run does."""
_DIAGNOSIS, _PREVALENT = ("outcome", "diagnosis"), ("population", "prevalent_sets")
_SIZE, _RATIO = "size", "hazard ratio"
_KEYS = ("kind", "what")
"""What tells the changes of a share apart."""

Tell = Callable[[int, int], None]
"""Called with how many runs are done, and how many there are."""


@dataclass(frozen=True)
class Swap:
    """A cause that can be put into the first run by itself: the protocol and the CDM that then go in."""

    kind: str
    what: str
    protocol: Mapping[str, Any]
    cdm: str


@dataclass(frozen=True)
class Share:
    """What a cause makes of each number.

    Attributes:
        changes: kind (`size` or `hazard ratio`), what, change: of a size the difference, of a hazard ratio the
            logarithm of the factor; empty where either number is hidden.
        why_not: why the cause could not be put in by itself; empty if it could.
    """

    kind: str
    what: str
    changes: pl.DataFrame
    why_not: str = ""


def attribute(
    recorded: tuple[RunFolder, RunFolder],
    records: tuple[Mapping[str, Any], Mapping[str, Any]],
    cdms: tuple[str, str],
    work: Path,
    tell: Tell | None = None,
) -> list[Share]:
    """The share of each cause; those of the program, and of all together, come last.

    Args:
        recorded: the two runs as they were.
        records: `run.json` of both.
        cdms: the CDM that each read; the same twice where it is the same.
        work: an empty folder for the runs that are made anew.

    Raises:
        UsageError: the protocol of a run is of another version of this program.
        CannotStudy: a CDM is not that of the run any more.
    """
    before, after = (_core(record, records[0]) for record in records)
    found = list(swaps(before, after, cdms))
    total = len(found) + 2

    def made(number: int, protocol: Mapping[str, Any], cdm: str, seed: RunFolder | None = None) -> RunFolder:
        folder = _run(work / str(number), protocol, cdm, seed)
        if tell:
            tell(number + 1, total)
        return folder

    base, shares = made(0, before, cdms[0]), []
    for number, swap in enumerate(found, start=1):
        try:
            run = made(number, swap.protocol, swap.cdm, base)
        except (UsageError, CannotStudy) as error:
            shares.append(Share(swap.kind, swap.what, _none(base), str(error).splitlines()[-1].strip(" -")))
            continue
        shares.append(Share(swap.kind, swap.what, _changes(base, run)))
    last = made(total - 1, after, cdms[1], base)
    whole = _changes(base, last)
    program = _sum([_changes(recorded[0], base), _changes(last, recorded[1])])
    apart = _sum([share.changes for share in shares if not share.why_not])
    beyond = _less(whole, apart) if apart.height else whole
    return [
        *shares,
        Share(TOGETHER, "beyond each by itself", beyond),
        Share(PROGRAM, "or a CDM that is another now", program),
    ]


def swaps(before: Mapping[str, Any], after: Mapping[str, Any], cdms: tuple[str, str]) -> Iterator[Swap]:
    """What can be put in by itself: data, vocabulary, concept sets, and each field of the protocol that is another.

    Data and vocabulary of a server go in together. Fields that follow from the diagnosis go with it.
    """
    own, other = cdms
    if own != other and any(map(is_on_server, cdms)):
        yield Swap(CDM, "data and vocabulary", before, other)
    elif own != other:
        yield Swap(CDM, "data", before, with_vocabulary_of(other, own))
        yield Swap(CDM, "vocabulary", before, with_vocabulary_of(own, other))
    if before["concept_sets"] != after["concept_sets"]:
        yield Swap(SETS, "of the protocol", {**before, "concept_sets": after["concept_sets"]}, own)
    differing = [
        (section, name)
        for section, name, _ in leaf_fields()
        if section not in _NOT_OF_RESULTS and before[section][name] != after[section][name]
    ]
    following = [place for place in differing if place[0] == "outcome" or place == _PREVALENT]
    if _DIAGNOSIS in differing:
        yield Swap(PROTOCOL, ".".join(_DIAGNOSIS), _with(before, after, following), own)
        differing = [place for place in differing if place not in following]
    for place in differing:
        yield Swap(PROTOCOL, ".".join(place), _with(before, after, [place]), own)


def _with(before: Mapping[str, Any], after: Mapping[str, Any], places: Sequence[tuple[str, str]]) -> dict[str, Any]:
    swapped = {name: dict(value) if isinstance(value, Mapping) else value for name, value in before.items()}
    for section, name in places:
        swapped[section][name] = after[section][name]
    return swapped


def _core(record: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol of a run's primary analysis alone, suppressed as the first run is."""
    try:
        core = Protocol.model_validate(record["protocol"]).alone().model_dump(mode="json")
    except ValueError:
        raise UsageError(
            "The protocol of a run is of another version of this program, so that it cannot be run anew; compare the "
            "runs without --cdm."
        ) from None
    return core | {"disclosure": first["protocol"]["disclosure"]}


def _run(folder: Path, protocol: Mapping[str, Any], cdm: str, seed: RunFolder | None) -> RunFolder:
    """A run made anew; tables and models of another run that are the same are taken from there."""
    file = folder.with_suffix(".json")
    write_json(file, {"protocol": dict(protocol)})
    settings = RunSettings(cdm=cdm, out=str(folder), protocol=str(file))
    if seed is not None:
        settings.folder.create()
        _link(seed.private, settings.folder.private)
    run_unorchestrated(settings, only=HEADLINE)
    return settings.folder


def _link(source: Path, target: Path) -> None:
    """Files of a run in another one's folder, at no cost: a file is never changed, but replaced."""
    for file in source.rglob("*"):
        place = target / file.relative_to(source)
        if file.is_file() and file.suffix in (".parquet", ".json") and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)


def _changes(one: RunFolder, other: RunFolder) -> pl.DataFrame:
    """Sizes by their difference, headline hazard ratios by the logarithm of their change."""
    found: Effects = effects(one.release, other.release)
    sizes = found.sizes.select(
        pl.lit(_SIZE).alias("kind"), "what", (pl.col("after") - pl.col("before")).alias("change")
    )
    ratios = found.headline.select(
        pl.lit(_RATIO).alias("kind"),
        pl.concat_str("exposure", pl.lit(", "), "age_stratum").alias("what"),
        pl.col("change").log().alias("change"),
    )
    return pl.concat([sizes, ratios])


def _none(base: RunFolder) -> pl.DataFrame:
    return _changes(base, base).with_columns(change=pl.lit(None, pl.Float64))


def _sum(changes: list[pl.DataFrame]) -> pl.DataFrame:
    """The sum of changes; unknown where one of them is."""
    if not changes:
        return pl.DataFrame(schema={"kind": pl.String, "what": pl.String, "change": pl.Float64})
    both = pl.concat(changes)
    is_known = pl.col("change").is_not_null().all() & (pl.len() == len(changes))
    return both.group_by(_KEYS, maintain_order=True).agg(pl.when(is_known).then(pl.col("change").sum()).alias("change"))


def _less(whole: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    joined = whole.join(part, on=_KEYS, how="left", suffix="_part", maintain_order="left")
    return joined.select(*_KEYS, pl.col("change") - pl.col("change_part"))
