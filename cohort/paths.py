"""Where the shipped SQL and facts lie: beside the packages in a checkout, inside `cohort` in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"


def _folder(name: str) -> Path:
    shipped = _SHIPPED / name
    return shipped if shipped.is_dir() else _PACKAGE.parent / name


def sql_folder() -> Path:
    """The folder of the study's SQL, one select per file."""
    return _folder("sql")


def config_folder() -> Path:
    """The folder of protocols, drugs, affinities and concept sets."""
    return _folder("config")


def preset_names() -> list[str]:
    """The names of the published designs in `config/presets`, sorted."""
    return sorted(path.stem for path in (config_folder() / "presets").glob("*.toml"))
