"""Lives go as the parameters say: rates by hand, and rates counted in flat worlds where nothing else differs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cohort.synthetic import Parameters, simulation
from cohort.synthetic.choice import RegimenChoice
from cohort.synthetic.course import NEVER, Course
from cohort.synthetic.doses import ActingDose
from cohort.synthetic.hazards import Hazards
from cohort.synthetic.leaving import Leaving
from cohort.synthetic.parameters import AGE_BANDS, CLASSES, changed, same_in_all_bands
from cohort.synthetic.people import YEAR_DAYS, draw_people
from cohort.synthetic.process import Lives
from cohort.synthetic.regimens import classified_drugs, regimens
from cohort.synthetic.scenarios import parameters_of
from tests.unit.synthetic_world import lives_of, one_person, rates, standing

# The process


def test_the_dose_that_acts_is_the_dose_of_the_episodes() -> None:
    """By class, and for persons with several episodes: what the process accrues is what the fills will say."""
    lives = lives_of(300, start_per_year=0.5)
    given = day_by_day(lives, lambda days: np.ones(len(days)))
    assert ActingDose(Parameters(), np.arange(4)).at(lives.course, NEVER) == pytest.approx(given)
    assert (given > 0).sum(axis=1).max() == 4


def test_a_reversible_dose_is_that_of_each_day_less_what_has_faded_since() -> None:
    lives, day = lives_of(300, start_per_year=0.5, effect_half_life_days=400.0), 7_000
    fading = changed(Parameters(), {"effect_half_life_days": 400.0})
    given = day_by_day(lives, lambda days: np.where(days > day, 0, 0.5 ** (np.maximum(day - days, 0) / 400)))
    assert ActingDose(fading, np.arange(4)).at(lives.course, day) == pytest.approx(given)
    assert given.max() > 10


def day_by_day(lives: Lives, weight: Callable[[Any], Any]) -> Any:
    """Dose by person and group from the episodes, one day after the other, each with a weight."""
    menu = regimens(Parameters(), classified_drugs(Parameters()))
    given, e = np.zeros((len(lives.people), 4)), lives.episodes
    for person, start, which, days in zip(e.person, e.start, e.regimen, e.fill_days * e.fills, strict=True):
        dose = menu[which].dme_per_day * weight(np.arange(start, start + days)).sum()
        given[person, menu[which].class_index] += dose
        given[person, 3] += dose * (menu[which].half_life == "long")
    return given


def test_every_block_and_purpose_has_a_stream_of_its_own() -> None:
    keys = [(seed, block, purpose) for seed in (1, 2) for block in (0, 1) for purpose in ("onset", "death")]
    draws = {simulation._stream(*key).integers(2**62) for key in keys}
    assert len(draws) == len(keys)


# Rates, by hand


def test_a_supply_gives_its_dose_day_by_day_and_no_more() -> None:
    course = standing(supply_start=10, supply_days=30, supply_rate=0.5)
    assert [course.supplied_days(day)[0] for day in (9, 10, 24, 39, 400)] == [0, 1, 15, 30, 30]
    assert [bool(course.is_supplied(day)[0]) for day in (9, 10, 39, 40)] == [False, True, True, False]


def test_onset_follows_the_published_rate_of_diagnosis_three_years_on() -> None:
    rate = Hazards(one_person(), Parameters()).onset(Course.healthy(1), 0)[0]
    assert rate == pytest.approx(math.exp(-11.2758 + 0.098355 * (25_567 + 1095) / 365.25), rel=1e-12)


def test_dose_multiplies_onset_as_planted() -> None:
    """365 dme of a binder, finished or still running, are worth 1.25; half of it the square root; others nothing."""
    assert rates("onset", 0, standing(finished_dose=[365.0, 0, 0, 0])) == pytest.approx(1.25)
    assert rates("onset", 0, standing(finished_dose=[0, 365.0, 365.0, 0])) == pytest.approx(1)
    half = standing(supply_start=-9, supply_days=30, supply_rate=18.25, supply_class=0)
    assert rates("onset", 0, half) == pytest.approx(math.sqrt(1.25))
    assert rates("onset", 0, standing(supply_start=-9, supply_days=30, supply_rate=36.5, supply_class=1)) == 1


def test_dose_does_nothing_in_a_null_world() -> None:
    nothing = parameters_of("null").log_hazard_ratio
    assert rates("onset", 0, standing(finished_dose=[365.0, 0, 0, 0]), log_hazard_ratio=nothing) == pytest.approx(1)


@pytest.mark.parametrize(("band_age", "years", "ratio"), [("onset", 73, 2), ("onset", 75.1, 3), ("diagnosis", 73, 3)])
def test_the_age_band_is_that_of_onset_or_of_diagnosis(band_age: str, years: float, ratio: float) -> None:
    effects = {c: dict.fromkeys(AGE_BANDS, 0.0) for c in CLASSES}
    effects["binder"] |= {"65 to 74": math.log(2), "75 to 84": math.log(3)}
    day = round((years - 70) * 365.25)
    exposed = standing(finished_dose=[365.0, 0, 0, 0])
    assert rates("onset", day, exposed, band_age=band_age, log_hazard_ratio=effects) == pytest.approx(ratio)


@pytest.mark.parametrize(("kind", "ratio"), [("onset", 1.24 * 1.6), ("start", 3 * 1.85), ("death", 1.1 * 1.3)])
def test_indications_multiply_every_hazard(kind: str, ratio: float) -> None:
    assert rates(kind, 0, person=one_person(indications=[True, True, False])) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("day", "onset", "ratio"),
    [(400, NEVER, 1), (400, 401, 1), (400, 400, 3), (400, -694, 3), (400, -695, 1), (364, 0, 1), (365, 0, 3)],
)
def test_starts_are_tripled_between_onset_and_diagnosis_after_the_first_year(
    day: int, onset: int, ratio: float
) -> None:
    assert rates("start", day, standing(onset=onset)) == pytest.approx(ratio)


@pytest.mark.parametrize(("onset", "ratio"), [(NEVER, 1), (400, 1), (399, 1.2), (-695, 1.2), (-696, 2)])
def test_death_comes_sooner_in_the_prodrome_and_soonest_in_dementia(onset: int, ratio: float) -> None:
    assert rates("death", 400, standing(onset=onset)) == pytest.approx(ratio)
    supplied = standing(onset=onset, supply_start=390, supply_days=30)
    assert rates("death", 400, supplied, supply_death_ratio=1.5) == pytest.approx(1.5 * ratio)


def test_regimens_hit_the_doses_aimed_at_with_whole_or_half_units() -> None:
    menu = regimens(Parameters(), classified_drugs(Parameters()))
    assert sum(r.probability for r in menu) == pytest.approx(1)
    by_class = [sum(r.probability for r in menu if r.class_index == i) for i in range(3)]
    assert by_class == pytest.approx([0.35, 0.35, 0.30])
    assert {r.units_per_day % 1 for r in menu if r.product.form == "capsule"} == {0}
    assert {r.units_per_day % 1 for r in menu} == {0, 0.5}
    assert all(0.2 < r.dme_per_day < 1.2 for r in menu)
    diazepam = [r.dme_per_day for r in menu if r.product.drug == "diazepam"]
    assert diazepam == pytest.approx([0.3, 0.6, 1.0])


# What acts


def test_long_acting_drugs_act_by_their_half_life_and_not_by_their_class() -> None:
    long_only = {"log_hazard_ratio": same_in_all_bands(0), "long_acting_log_hazard_ratio": math.log(2)}
    assert rates("onset", 0, standing(finished_dose=[365.0, 365.0, 365.0, 0]), **long_only) == pytest.approx(1)
    assert rates("onset", 0, standing(finished_dose=[0, 0, 365.0, 365.0]), **long_only) == pytest.approx(2)


@pytest.mark.parametrize(("dose", "ratio"), [(0, 1), (179, 1), (180, 1), (180 + 365, 1.25), (180 + 730, 1.25**2)])
def test_dose_below_the_threshold_does_nothing_and_acts_above(dose: float, ratio: float) -> None:
    exposed = standing(finished_dose=[dose / 2, 500.0, 0, 0], supply_start=-9, supply_days=10, supply_rate=dose / 20)
    assert rates("onset", 0, exposed, effect_threshold_dme=180) == pytest.approx(ratio)


@pytest.mark.parametrize(("start", "ratio"), [(-30, 1), (-29, 1.25), (0, 1.25), (1, 1)])
def test_a_running_supply_acts_whatever_its_dose_and_nothing_else_does(start: int, ratio: float) -> None:
    current = {"effect_of_running_supply_only": True}
    exposed = standing(finished_dose=[900.0, 0, 0, 0], supply_start=start, supply_days=30, supply_rate=0.3)
    assert rates("onset", 0, exposed, **current) == pytest.approx(ratio)


def test_a_reversible_effect_halves() -> None:
    exposed = standing(supply_start=0, supply_days=1, supply_rate=365.0)
    at = [rates("onset", day, exposed, effect_half_life_days=365) / rates("onset", day) for day in (0, 365, 730)]
    assert at == pytest.approx([1.25, 1.25**0.5, 1.25**0.25])


def test_without_confounding_an_indication_leaves_onset_alone_and_still_moves_starts() -> None:
    ill = one_person(indications=[True, True, True])
    assert rates("onset", 0, person=ill, confounding_strength=0) == pytest.approx(1)
    assert rates("start", 0, person=ill, confounding_strength=0) == pytest.approx(3 * 1.85 * 3)


# Counted in flat worlds: every hazard is the same at all ages and for all persons but for what is planted

FLAT = {
    "onset_log_rate_men": (math.log(0.03), 0.0),
    "onset_log_rate_women": (math.log(0.03), 0.0),
    "death_log_rate_men": (math.log(0.02), 0.0),
    "death_log_rate_women": (math.log(0.02), 0.0),
    "start_per_year": 0.2,
    "female_start_ratio": 1.0,
    "start_log_slope_per_year": 0.0,
    "prodrome_start_ratio": 1.0,
    "prodrome_death_ratio": 1.0,
    "dementia_death_ratio": 1.0,
    "indications": [],
    "log_hazard_ratio": same_in_all_bands(0.0),
}
FLAT_PERSONS = 15_000


def supplied(lives: Lives, is_of_regimen: Callable[[Any], bool]) -> tuple[Any, Any, Any]:
    """Spells under supply of some regimens: first day, day after the last, person."""
    menu = regimens(Parameters(), classified_drugs(Parameters()))
    chosen = np.array([is_of_regimen(regimen) for regimen in menu])
    e = lives.episodes.taken(np.flatnonzero(chosen[lives.episodes.regimen]))
    return e.start, e.start + e.fill_days * e.fills, e.person


def test_only_the_binders_supplied_raise_onset_when_current_use_acts() -> None:
    lives = lives_of(
        FLAT_PERSONS, **FLAT | {"log_hazard_ratio": same_in_all_bands(math.log(3))}, effect_of_running_supply_only=True
    )
    by_class = [counted_onsets(lives, lambda r, i=i: r.class_index == i) for i in range(3)]
    assert by_class == pytest.approx([0.09, 0.03, 0.03], rel=0.15)


def test_only_the_long_acting_raise_onset_when_half_life_acts() -> None:
    lives = lives_of(FLAT_PERSONS, **FLAT, long_acting_log_hazard_ratio=math.log(3), effect_of_running_supply_only=True)
    is_long = {
        (name, length): counted_onsets(lives, lambda r, n=i, h=length: (r.class_index, r.half_life) == (n, h))
        for i, name in enumerate(CLASSES)
        for length in ("short", "long")
        if (name, length) != ("binder", "short")
    }
    long, short = [rate for (_, length), rate in is_long.items() if length == "long"], is_long["unknown", "short"]
    assert long[:2] == pytest.approx([0.09, 0.09], rel=0.15)
    assert [is_long["non_binder", "short"], short] == pytest.approx([0.03, 0.03], rel=0.15)


def counted_onsets(lives: Lives, is_of_regimen: Callable[[Any], bool]) -> float:
    """Onsets per year at risk under supply: person-days end with onset, death and the data."""
    end = np.minimum(lives.course.death, lives.people.data_end)
    return _rate(lives.course.onset, end, *supplied(lives, is_of_regimen))


def _rate(happened: Any, end: Any, starts: Any, stops: Any, person: Any) -> float:
    stop = np.minimum(stops, np.minimum(end, happened)[person] + 1)
    days = np.clip(stop - starts, 0, None)
    is_event = (starts <= happened[person]) & (happened[person] < stops) & (happened <= end)[person]
    return float(is_event.sum() / (days.sum() / YEAR_DAYS))


def test_a_supply_raises_the_death_rate_by_half() -> None:
    lives = lives_of(FLAT_PERSONS, **FLAT, supply_death_ratio=1.5)
    death, everybody = lives.course.death, np.arange(FLAT_PERSONS)
    under = _rate(death, lives.people.data_end, *supplied(lives, lambda _: True))
    overall = _rate(death, lives.people.data_end, 0 * everybody, everybody * 0 + NEVER, everybody)
    assert under == pytest.approx(0.03, rel=0.08)
    assert 0.02 < overall < 0.025


def test_the_prodromal_and_the_supplied_leave_more_often() -> None:
    lives = lives_of(
        FLAT_PERSONS, **FLAT, prodrome_leaving_ratio=3.0, supply_leaving_ratio=1.5, disenrolment_per_year=0.06
    )
    leaves, end = lives.people.disenrolment, np.minimum(lives.people.data_end, lives.course.death)
    ill = np.flatnonzero(lives.course.onset < NEVER)
    onset = np.maximum(lives.course.onset[ill], 0)
    prodromal = _rate(leaves, end, onset, lives.course.onset[ill] + 1_095, ill)
    before = np.where(lives.course.onset < NEVER, lives.course.onset, lives.people.data_end)
    healthy_supplied = _rate(leaves, np.minimum(end, before), *supplied(lives, lambda _: True))
    untouched = lives_of(FLAT_PERSONS, **FLAT | {"start_per_year": 1e-9}, prodrome_leaving_ratio=3.0)
    well = np.arange(FLAT_PERSONS)
    before = np.where(untouched.course.onset < NEVER, untouched.course.onset, untouched.people.data_end)
    plain_end = np.minimum(before, np.minimum(untouched.people.data_end, untouched.course.death))
    plain = _rate(untouched.people.disenrolment, plain_end, 0 * well, 0 * well + NEVER, well)
    assert plain == pytest.approx(0.06, rel=0.05)
    assert healthy_supplied == pytest.approx(0.09, rel=0.08)
    assert 0.18 < prodromal < 0.23  # some of the prodromal have a supply


@pytest.mark.parametrize(("ratio", "days"), [(1.0, [1, 30, 31, 1_000]), (2.0, [1, 15, 16, 500])])
def test_a_constant_ratio_runs_that_much_faster_towards_the_day(
    monkeypatch: pytest.MonkeyPatch, ratio: float, days: list[int]
) -> None:
    monkeypatch.setattr(Hazards, "leaving_ratio", lambda *_: np.full(4, ratio))
    leaving = Leaving(np.array([1, 30, 31, 1_000]), changed(Parameters(), {"supply_leaving_ratio": 2}))
    for first_day in range(0, 1_200, 30):
        leaving.move_on(Hazards(one_person(), Parameters()), Course.healthy(4), first_day, 30)
    assert leaving.day.tolist() == days


# The delay


def test_a_delay_varies_as_told_and_is_the_same_for_all_by_default() -> None:
    draws = [np.random.default_rng(seed) for seed in (1, 2)]
    varied = draw_people(changed(Parameters(), {"diagnosis_delay_sd_days": 547.5}), 50_000, *draws).delay
    assert varied.mean() == pytest.approx(1_095, rel=0.01)
    assert varied.std() == pytest.approx(547.5, rel=0.02)
    skewness = (((varied - varied.mean()) / varied.std()) ** 3).mean()
    assert skewness == pytest.approx(1.0, abs=0.1)  # of a Gamma distribution of shape 4: 2 / sqrt(4)
    assert set(draw_people(Parameters(), 100, *draws).delay) == {1_095}


@pytest.mark.parametrize(("delay", "ratio"), [(99, 1), (100, 1), (101, 3)])
def test_the_prodrome_lasts_as_long_as_a_persons_own_delay(delay: int, ratio: float) -> None:
    assert rates("start", 500, standing(onset=400), one_person(delay=delay)) == pytest.approx(ratio)


# Channelling


def class_shares(parameters: Parameters, indications: list[bool], is_prodromal: bool) -> list[float]:
    """Shares of the classes among 40,000 starts of persons who are all alike."""
    menu, count = regimens(parameters, classified_drugs(parameters)), 40_000
    ill, prodromal = np.tile(indications, (count, 1)), np.full(count, is_prodromal)
    drawn = RegimenChoice(parameters, menu).drawn(ill, prodromal, np.random.default_rng(1))
    classes = np.array([regimen.class_index for regimen in menu])[drawn]
    return [float(share) for share in np.bincount(classes, minlength=3) / count]


def test_the_prodromal_are_given_fewer_binders_when_they_are_channelled() -> None:
    channelling, nobody = parameters_of("channelling"), [False] * 3
    assert class_shares(channelling, nobody, True) == pytest.approx([0.14, 0.56, 0.30], abs=0.01)
    assert class_shares(channelling, nobody, False) == pytest.approx([0.35, 0.35, 0.30], abs=0.01)
    assert class_shares(Parameters(), nobody, True) == pytest.approx([0.35, 0.35, 0.30], abs=0.01)


def test_an_indication_may_channel_and_joins_with_the_prodrome() -> None:
    anxiety, *others = (kind.model_dump() for kind in Parameters().indications)
    told = {"indications": [anxiety | {"class_ratios": {"binder": 2.0}}, *others]}
    both = changed(Parameters(), told | {"prodrome_class_ratios": {"unknown": 0.5}})
    assert class_shares(both, [True, False, False], False) == pytest.approx(
        [0.7 / 1.35, 0.35 / 1.35, 0.3 / 1.35], abs=0.01
    )
    assert class_shares(both, [True, True, True], True) == pytest.approx([0.7 / 1.2, 0.35 / 1.2, 0.15 / 1.2], abs=0.01)
    assert class_shares(both, [False, True, True], False) == pytest.approx([0.35, 0.35, 0.30], abs=0.01)


@pytest.mark.parametrize(("scenario", "binders"), [("channelling", 0.14), ("null-prodrome", 0.35)])
def test_a_world_channels_the_prodromal_after_the_first_year_and_nobody_else(scenario: str, binders: float) -> None:
    changes = {name: getattr(parameters_of(scenario), name) for name in ("prodrome_class_ratios", "log_hazard_ratio")}
    lives = lives_of(12_000, **changes, start_per_year=0.2)
    menu = regimens(Parameters(), classified_drugs(Parameters()))
    e = lives.episodes
    is_binder = np.array([regimen.class_index == 0 for regimen in menu])[e.regimen]
    onset = lives.course.onset[e.person]
    in_prodrome = (onset + 30 <= e.start) & (e.start < onset + 1_095 - 30)
    assert is_binder[in_prodrome & (e.start >= 395)].mean() == pytest.approx(binders, abs=0.04)
    assert is_binder[in_prodrome & (e.start < 360)].mean() == pytest.approx(0.35, abs=0.06)
    assert is_binder[e.start < onset].mean() == pytest.approx(0.35, abs=0.01)
