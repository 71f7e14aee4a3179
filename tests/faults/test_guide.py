"""The guide's table and the tests that hold it name each other."""

import re
from pathlib import Path

GUIDE = Path(__file__).with_name("README.md")
NOT_A_FAULT = {
    "test_the_guide_names_every_test_and_no_other",
    "test_the_search_finds_what_is_planted",
}


def test_the_guide_names_every_test_and_no_other() -> None:
    files = [*GUIDE.parent.glob("test_*.py")]
    there = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    named = set(re.findall(r"test_\w+", GUIDE.read_text(encoding="utf-8")))
    assert there - NOT_A_FAULT <= named
    elsewhere = "".join(file.read_text() for file in GUIDE.parent.parent.rglob("test_*.py"))
    assert [name for name in named if f"def {name}(" not in elsewhere] == []
