"""The report on long against strong use: a grid for each class, its slopes in words, reasons in place of numbers."""

from cohort.report import build_report
from cohort.report.release import read_release
from cohort.report.use_pattern import use_grids
from tests.unit.test_report import visible, write_release


def row(duration, intensity, ratio="1.20", status="ok", exposure="tspo_binder"):
    numbers = dict.fromkeys(("ci_lower", "ci_upper", "log_hr", "se_log_hr", "p_value"), "1.10")
    words = {"exposure": exposure, "metric": "dme", "duration": duration, "intensity": intensity}
    return words | numbers | {"hazard_ratio": ratio, "status": status}


ROWS = [
    row("per 365 days", "", "1.05"), row("", "per 1 a day", "1.30"),
    row("<=90 days", "<=0.5 a day"), row("<=90 days", ">0.5-1 a day", status="suppressed"),
    row(">90-365 days", "<=0.5 a day", "1.40"),
    row(">90-365 days", ">0.5-1 a day", "", "not estimable: nobody used it so"),
]  # fmt: skip


def test_a_class_has_a_grid_with_its_slopes_in_words(tmp_path):
    (grid,) = use_grids(read_release(write_release(tmp_path, use_patterns=ROWS)))
    assert (grid.name, grid.intensities) == ("TSPO binder", ["up to 0.5 a day", "over 0.5 to 1 a day"])
    assert [line.label for line in grid.rows] == ["up to 90 days", "over 90 to 365 days"]
    assert grid.rows[0].cells[1] == "suppressed"
    assert grid.rows[1].cells == ["1.40 (1.10\xa0to\xa01.10)", "nobody used it so"]
    assert "365 days more at the same dose a day: 1.05" in grid.said
    assert "one diazepam-equivalent a day more over the same days: 1.30" in grid.said


def test_the_page_shows_the_grid_where_there_is_one(tmp_path):
    words = visible(build_report(write_release(tmp_path, use_patterns=ROWS)).read_text(encoding="utf-8"))
    assert "Long or strong" in words
    assert "nobody used it so" in words
    (tmp_path / "use_patterns.csv").unlink()
    assert "Long or strong" not in visible(build_report(tmp_path).read_text(encoding="utf-8"))
