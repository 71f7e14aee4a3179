"""Broken protocols: each is told in one message, to the letter, with exit code 2."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.corpus.cases import ProtocolCase, protocol_cases

Tspo = Callable[..., Result]
NOBODY = 65_534


@pytest.mark.parametrize("case", protocol_cases(), ids=lambda case: case.name)
def test_a_broken_protocol_is_told_to_the_letter(case: ProtocolCase, clean: Path, tmp_path: Path, tspo: Tspo) -> None:
    protocol = tmp_path / "protocol.toml"
    done = tspo(*case.arguments(clean, protocol))
    said = done.stderr.replace(str(protocol), "{protocol}").replace(str(clean), "{cdm}")
    assert (said, done.exit_code) == (case.says, case.exit)
    assert len(done.stderr) <= 2_000


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("{tmp}", "{tmp} cannot be read: Is a directory."),
        ("{tmp}/absent.toml", "There is no protocol at {tmp}/absent.toml."),
        ("{tmp}/file.txt/p.toml", "{tmp}/file.txt/p.toml cannot be read: Not a directory."),
        ("{tmp}/nul\0.toml", "There is no protocol at {tmp}/nul\\x00.toml."),
        ("{tmp}/\x1b[31mred.toml", "There is no protocol at {tmp}/\\x1b[31mred.toml."),
        ("gray2061", "There is no protocol at gray2061, and no preset of that name; did you mean 'gray2016'?"),
    ],
    ids=["folder", "absent", "a file for a folder", "NUL", "escape", "misspelt preset"],
)
def test_a_protocol_that_is_no_file_is_told(clean: Path, tmp_path: Path, tspo: Tspo, protocol: str, says: str) -> None:
    (tmp_path / "file.txt").write_text("")
    done = tspo("check", "--cdm", str(clean), "--protocol", protocol.format(tmp=tmp_path))
    assert (done.stderr, done.exit_code) == (f"tspo: {says.format(tmp=tmp_path)}\n", 2)


def test_a_protocol_with_a_name_of_300_characters_is_told(clean: Path, tspo: Tspo) -> None:
    done = tspo("check", "--cdm", str(clean), "--protocol", "a" * 300)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"tspo: There is no protocol at {'a' * 80}..., and no preset of that name; known: ")
    done = tspo("check", "--cdm", str(clean), "--protocol", f"{'a' * 300}.toml")
    assert (done.stderr, done.exit_code) == (f"tspo: {'a' * 300}.toml cannot be read: File name too long.\n", 2)


def test_a_protocol_whose_name_is_no_text_is_told_in_a_process_of_its_own(clean: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 reach Python as halves of characters, which cannot be printed."""
    path = os.fsencode(tmp_path) + b"/d\xe9.toml"
    command = [sys.executable, "-m", "flows.cli", "check", "--cdm", str(clean), "--protocol", path]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    says = f"tspo: There is no protocol at {tmp_path}/d\\udce9.toml.\n"
    assert (done.stderr.decode(), done.returncode) == (says, 2)


def test_a_protocol_that_may_not_be_read_is_told(clean: Path, tmp_path: Path) -> None:
    """Root may read everything, so nobody tries."""
    closed = tmp_path / "closed.toml"
    closed.write_text("")
    closed.chmod(0)
    code = f"""
from pathlib import Path
from cohort.toml_file import read_toml
import os
os.chdir({str(tmp_path)!r})
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    read_toml(Path('closed.toml'), 'protocol')
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("UsageError closed.toml cannot be read: Permission denied.\n", "")
