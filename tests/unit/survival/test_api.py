"""The public surface: its example runs, its names are all there, and it costs those nothing who do not use it."""

import doctest
import subprocess
import sys

from cohort.survival import api


def test_the_example_says_what_it_says() -> None:
    found = doctest.testmod(api)
    assert found.attempted >= 6
    assert found.failed == 0


def test_all_names_are_there_in_order_and_once() -> None:
    assert api.__all__ == sorted(set(api.__all__), key=lambda name: (name[0].islower(), name))
    public = {name for name, value in vars(api).items() if not name.startswith("_") and callable(value)}
    assert public == set(api.__all__)


def test_the_package_alone_imports_no_scipy_and_the_surface_no_matplotlib_and_no_pandas() -> None:
    code = (
        "import sys, cohort.survival; assert 'scipy' not in sys.modules; "
        "import cohort.survival.api; assert not {'matplotlib', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
