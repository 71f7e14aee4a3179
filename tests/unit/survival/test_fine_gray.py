"""Fine and Gray's model against a slow, obvious one; what must not change it; a known truth found again.

Agreement with R is in tests/numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cohort.survival.censoring import Convention
from cohort.survival.counting import risk_sets
from cohort.survival.cox import CoxFit, fit_cox
from cohort.survival.fine_gray import LastingRows, fine_gray_sets, fit_fine_gray
from cohort.survival.fine_gray_variance import Weights, fine_gray_covariance, score_residuals
from cohort.survival.likelihood import PartialLikelihood, Ties
from cohort.survival.risk_sets import RiskSets

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
both_ties = pytest.mark.parametrize("ties", ["efron", "breslow"])
both_conventions = pytest.mark.parametrize("convention", ["survival", "crr"])
BETA = (0.4, -0.3)


@dataclass(frozen=True)
class Person:
    """Follow-up (start, stop], ended by 0 censoring, 1 the event, 2 the competing event; x from each cut on."""

    start: int
    stop: int
    kind: int
    x: tuple[tuple[int, ...], ...]
    cuts: tuple[int, ...] = ()
    stratum: int = 0
    weight: float = 1.0

    def at(self, time: int) -> tuple[int, ...]:
        """The covariates at a time; those of the end stay."""
        return self.x[sum(cut < min(time, self.stop) for cut in self.cuts)]


def frame(persons: Sequence[Person]) -> pl.DataFrame:
    rows = []
    for number, p in enumerate(persons):
        edges = [p.start, *p.cuts, p.stop]
        for x, a, b in zip(p.x, edges, edges[1:], strict=False):
            kind = p.kind if b == p.stop else 0
            rows.append((number, a, b, kind == 1, kind == 2, p.stratum, p.weight, *x))
    names = ["person_id", "start_day", "stop_day", "event", "competing", "stratum", "weight", "x0", "x1"]
    return pl.DataFrame(rows, schema=names, orient="row")


def sets_of(persons: Sequence[Person], strata: Sequence[str] = (), convention: Convention = "survival") -> RiskSets:
    return fine_gray_sets(
        frame(persons),
        ["x0", "x1"],
        strata,
        id="person_id",
        censoring_strata=strata,
        convention=convention,
        weights="weight",
    )


# --- The slow twin: rows expanded by hand --------------------------------------------------------------------


def chance(persons: Sequence[Person], since: int, until: int, convention: Convention, w: Sequence[float]) -> float:
    """G(until-) H(until-) / (G(since-) H(since-)): a product over the days from `since` to the one before `until`."""
    product = 1.0
    stays = {
        (i, u): p.start < u <= p.stop and not (convention == "survival" and p.kind and u == p.stop)
        for i, p in enumerate(persons)
        for u in range(since, until)
    }
    delayed = max(p.start for p in persons) > min(p.stop for p in persons)
    for u in range(since, until):
        at_risk = sum(w[i] for i in range(len(persons)) if stays[i, u])
        lost = sum(w[i] for i, p in enumerate(persons) if p.stop == u and p.kind == 0)
        present = sum(w[i] for i, p in enumerate(persons) if p.start <= u < p.stop)
        new = sum(w[i] for i, p in enumerate(persons) if p.start == u)
        product *= (at_risk - lost) / at_risk if at_risk else 1.0
        if delayed and product and new:
            product /= (present - new) / present
    return product


def expanded(
    persons: Sequence[Person], time: int, convention: Convention, w: Sequence[float]
) -> list[tuple[int, float]]:
    """Who is at risk at a time, with the weight."""
    found = [(i, w[i]) for i, p in enumerate(persons) if p.start < time <= p.stop]
    for i, p in enumerate(persons):
        if p.kind == 2 and p.stop < time:
            found.append((i, w[i] * chance(persons, p.stop, time, convention, [1.0] * len(w))))
    return found


def slow(
    persons: Sequence[Person], beta: Sequence[float], ties: Ties, convention: Convention
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood, score and information by their definitions."""
    value, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
    w = [p.weight for p in persons]
    for time in sorted({p.stop for p in persons if p.kind == 1}):
        at_risk = expanded(persons, time, convention, w)
        events = [i for i, p in enumerate(persons) if p.kind == 1 and p.stop == time]
        mean_weight = sum(w[i] for i in events) / len(events)
        x = np.array([persons[i].at(time) for i, _ in at_risk])
        for rank, event in enumerate(events):
            share = rank / len(events) if ties == "efron" else 0.0
            hazards = np.array([(1 - share * (i in events)) * c for i, c in at_risk]) * np.exp(x @ beta)
            mean = hazards @ x / hazards.sum()
            own = np.array(persons[event].at(time))
            value += w[event] * float(own @ beta) - mean_weight * math.log(hazards.sum())
            score += w[event] * own - mean_weight * mean
            information += mean_weight * ((x.T * hazards) @ x / hazards.sum() - np.outer(mean, mean))
    return value, score, information


@st.composite
def draws(draw: st.DrawFn, delayed: bool = True, most: int = 9) -> list[Person]:
    """A few persons with many ties; some enter late, some change their covariates."""
    covariates = st.tuples(st.integers(-1, 1), st.integers(0, 2))
    persons = []
    for _ in range(draw(st.integers(3, most))):
        start = draw(st.integers(0, 3)) if delayed else 0
        stop = start + draw(st.integers(1, 6))
        cuts = tuple(sorted(draw(st.sets(st.integers(start + 1, stop - 1), max_size=2)))) if stop > start + 1 else ()
        x = tuple(draw(covariates) for _ in range(len(cuts) + 1))
        persons.append(Person(start, stop, draw(st.integers(0, 2)), x, cuts, weight=draw(st.sampled_from([1.0, 2.5]))))
    assume(any(p.kind == 1 for p in persons))
    return persons


def is_defined(persons: Sequence[Person], convention: Convention) -> bool:
    """Whether every weight exists: nowhere between a competing event and an event are all present new."""
    try:
        for time in {p.stop for p in persons if p.kind == 1}:
            expanded(persons, time, convention, [1.0] * len(persons))
    except ZeroDivisionError:
        return False
    return True


@both_conventions
@both_ties
@few
@given(draws())
def test_the_likelihood_is_that_of_rows_expanded_by_hand(
    ties: Ties, convention: Convention, persons: list[Person]
) -> None:
    if not is_defined(persons, convention):
        with pytest.raises(ValueError, match="have just entered"):
            sets_of(persons, convention=convention)
        return
    likelihood = PartialLikelihood(sets_of(persons, convention=convention), ties)
    fast, null = likelihood.at(np.array(BETA)), likelihood.at(np.zeros(2))
    value, score, information = slow(persons, BETA, ties, convention)
    gain = value - slow(persons, [0.0, 0.0], ties, convention)[0]
    assert likelihood.scale * (fast.log_likelihood - null.log_likelihood) == pytest.approx(gain, rel=1e-11, abs=1e-11)
    assert likelihood.scale * fast.score == pytest.approx(score, rel=1e-11, abs=1e-11)
    assert likelihood.scale * fast.information == pytest.approx(information, rel=1e-11, abs=1e-11)


def test_weights_in_fractions() -> None:
    """Two of seven are lost on day 2, and one of three on day 4."""
    kinds = [(1, 2), (2, 0), (2, 0), (2, 2), (3, 1), (4, 0), (5, 1), (6, 1), (3, 2)]
    persons = [Person(0, stop, kind, ((i % 2, i),)) for i, (stop, kind) in enumerate(kinds)]
    lasting = sets_of(persons).lasting
    assert isinstance(lasting, LastingRows)
    # On day 2 one has the competing event: of the eight there, seven are at risk of being lost.
    later = Fraction(5, 7)
    shares = [later, later * Fraction(2, 3), later * Fraction(2, 3)]
    assert lasting.share == pytest.approx([float(share) for share in shares], rel=1e-15)
    assert dict(zip(lasting.index.tolist(), lasting.factor, strict=True)) == pytest.approx({0: 1, 3: 1, 8: 7 / 5})
    assert dict(zip(lasting.index.tolist(), lasting.first, strict=True)) == {0: 0, 3: 0, 8: 1}


# --- What must not change a fit ------------------------------------------------------------------------------


def cohort(size: int, seed: int, delayed: bool = True) -> list[Person]:
    """Persons of a made-up study by whole days, with many ties."""
    draw = np.random.default_rng(seed)
    persons = []
    for _ in range(size):
        start = int(draw.integers(0, 8)) if delayed else 0
        x = ((int(draw.integers(0, 2)), int(draw.integers(-3, 4))),)
        stop = start + 1 + int(draw.exponential(10 * math.exp(-0.3 * x[0][0])))
        persons.append(Person(start, stop, int(draw.integers(0, 3)), x, stratum=int(draw.integers(0, 3))))
    return persons


def fit(persons: Sequence[Person], ties: Ties = "efron", strata: Sequence[str] = ()) -> CoxFit:
    return fit_cox(sets_of(persons, strata), ties)


def numbers(found: CoxFit) -> np.ndarray:
    covariances = [fine_gray_covariance(found, "known"), fine_gray_covariance(found, "estimated"), found.covariance]
    return np.concatenate([found.params, *(c.ravel() for c in covariances)])


@both_ties
def test_without_competing_events_it_is_the_cox_fit(ties: Ties) -> None:
    persons = [replace(p, kind=min(p.kind, 1)) for p in cohort(120, 1)]
    ordinary = fit_cox(risk_sets(frame(persons), ["x0", "x1"], ["stratum"]), ties)
    ours = fit(persons, ties, ["stratum"])
    assert (ours.params == ordinary.params).all()
    assert (ours.covariance == ordinary.covariance).all()
    assert ours.log_likelihood == ordinary.log_likelihood


@both_ties
def test_without_censoring_who_has_the_competing_event_stays_to_the_end(ties: Ties) -> None:
    persons = [replace(p, kind=1 + p.kind % 2) for p in cohort(120, 2, delayed=False)]
    end = max(p.stop for p in persons) + 1
    staying = [replace(p, stop=end, kind=0) if p.kind == 2 else p for p in persons]
    ordinary = fit_cox(risk_sets(frame(staying), ["x0", "x1"]), ties)
    ours = fit(persons, ties)
    assert ours.params == pytest.approx(ordinary.params, rel=1e-12)
    assert ours.covariance == pytest.approx(ordinary.covariance, rel=1e-12)
    assert fine_gray_covariance(ours, "known") == pytest.approx(fine_gray_covariance(ours, "estimated"), rel=1e-12)


def split(person: Person) -> Person:
    """The same person in three intervals."""
    cuts = tuple(sorted({person.start + (person.stop - person.start) * k // 3 for k in (1, 2)} - {person.start}))
    return replace(person, cuts=cuts, x=person.x * (len(cuts) + 1))


@both_ties
def test_splitting_intervals_changes_nothing(ties: Ties) -> None:
    persons = cohort(100, 3)
    whole, parts = (fit(made, ties, ["stratum"]) for made in (persons, [split(p) for p in persons]))
    assert parts.sets.rows is not None
    assert parts.sets.rows.size > len(persons) + 50
    assert numbers(parts) == pytest.approx(numbers(whole), rel=1e-10)


def test_the_order_of_the_rows_changes_nothing() -> None:
    data = frame([split(p) for p in cohort(80, 4)])
    there, back = (fit_fine_gray(d, ["x0", "x1"], id="person_id") for d in (data, data.reverse()))
    assert numbers(back) == pytest.approx(numbers(there), rel=1e-10)


def test_strata_with_weights_of_their_own_add_up() -> None:
    persons = cohort(150, 5)
    together = PartialLikelihood(sets_of(persons, ["stratum"]), "efron").at(np.array(BETA))
    apart = [
        PartialLikelihood(sets_of([p for p in persons if p.stratum == s]), "efron").at(np.array(BETA)) for s in range(3)
    ]
    assert together.log_likelihood == pytest.approx(sum(part.log_likelihood for part in apart), rel=1e-12)
    assert together.information == pytest.approx(sum(part.information for part in apart), rel=1e-12)


def test_score_residuals_of_strata_are_those_of_each_alone() -> None:
    """With the weights estimated: nobody of one stratum changes the weights of another."""
    persons = sorted(cohort(150, 5), key=lambda p: p.stratum)
    together = fit(persons, strata=["stratum"])
    alone = [replace(together, sets=sets_of([p for p in persons if p.stratum == s])) for s in range(3)]
    expected = np.concatenate([score_residuals(part) for part in alone])
    assert score_residuals(together) == pytest.approx(expected, rel=1e-9, abs=1e-11)


# --- The covariances -----------------------------------------------------------------------------------------


def weighted_score(persons: Sequence[Person], w: Sequence[float], beta: Sequence[float]) -> np.ndarray:
    """Breslow's score when person i counts w[i] times, in the distributions of censoring and entry too."""
    score = np.zeros(len(beta))
    for time in sorted({p.stop for p in persons if p.kind == 1}):
        at_risk = [(p.at(time), w[i]) for i, p in enumerate(persons) if p.start < time <= p.stop]
        for i, p in enumerate(persons):
            if p.kind == 2 and p.stop < time:
                at_risk.append((p.at(time), w[i] * chance(persons, p.stop, time, "survival", w)))
        x = np.array([own for own, _ in at_risk])
        hazards = np.array([many for _, many in at_risk]) * np.exp(x @ beta)
        for i, p in enumerate(persons):
            if p.kind == 1 and p.stop == time:
                score += w[i] * (np.array(p.at(time)) - hazards @ x / hazards.sum())
    return score


@few
@given(draws())
def test_with_estimated_weights_a_residual_is_the_derivative_of_the_score_by_the_person(persons: list[Person]) -> None:
    """The infinitesimal jackknife, exact at ties and with delayed entry: by central differences."""
    persons = [replace(p, weight=1.0) for p in persons]
    assume(is_defined(persons, "survival"))
    found = as_fit(persons)
    ours = score_residuals(found, "estimated")
    step = 1e-5
    for i in range(len(persons)):
        up, down = ([1.0 + (k == i) * d for k in range(len(persons))] for d in (step, -step))
        slope = (weighted_score(persons, up, BETA) - weighted_score(persons, down, BETA)) / (2 * step)
        assert ours[i] == pytest.approx(slope, rel=1e-6, abs=1e-7)


def as_fit(persons: Sequence[Person], ties: Ties = "breslow") -> CoxFit:
    """A fit that stands at BETA, wherever its maximum is."""
    some = fit(cohort(60, 6), ties)
    return replace(some, params=np.array(BETA), sets=sets_of(persons))


@both_ties
def test_the_residuals_add_up_to_the_score(ties: Ties) -> None:
    """To nothing at the maximum; and what the estimation of the weights adds is nothing over all persons."""
    found = fit(cohort(200, 7), ties, ["stratum"])
    names: tuple[Weights, ...] = ("known", "estimated")
    for weights in names:
        assert score_residuals(found, weights).sum(axis=0) == pytest.approx(np.zeros(2), abs=1e-7)


def test_clusters_may_be_larger_than_persons() -> None:
    persons = [split(p) for p in cohort(100, 8)]
    found = fit(persons)
    household = frame(persons).get_column("person_id").to_numpy() // 4
    by_hand = score_residuals(found, "estimated").reshape(25, 4, 2).sum(axis=1) @ found.covariance
    assert fine_gray_covariance(found, "estimated", household) == pytest.approx(by_hand.T @ by_hand, rel=1e-12)


def test_a_weight_of_two_counts_a_persons_events_twice_but_not_in_the_chance_to_stay() -> None:
    """As in R: G and H are unweighted, so equal weights change no estimate and double the information."""
    persons = cohort(100, 9)
    once, twice = fit(persons), fit([replace(p, weight=2.0) for p in persons])
    assert twice.params == pytest.approx(once.params, rel=1e-12)
    assert twice.covariance == pytest.approx(once.covariance / 2, rel=1e-12)
    assert fine_gray_covariance(twice, "known") == pytest.approx(fine_gray_covariance(once, "known"), rel=1e-12)
    assert fine_gray_covariance(twice) == pytest.approx(fine_gray_covariance(once), rel=1e-12)


# --- A known truth -------------------------------------------------------------------------------------------


def fine_gray_world(draw: np.random.Generator, size: int, effect: float) -> pl.DataFrame:
    """Fine and Gray's own simulation (1999, section 4): a subdistribution hazard ratio of exp(effect), entry late."""
    x = draw.integers(0, 2, size).astype(float)
    ever = 1 - (1 - 0.5) ** np.exp(effect * x)
    u = draw.uniform(size=size)
    is_event = u < ever
    with np.errstate(invalid="ignore"):
        of_event = -np.log(1 - (1 - (1 - u) ** np.exp(-effect * x)) / 0.5)
    time = np.where(is_event, of_event, draw.exponential(np.exp(0.5 * x)))
    censored, entry = draw.uniform(0.5, 4.0, size), np.maximum(draw.uniform(-0.5, 0.6, size), 0.0)
    stop = np.minimum(time, censored)
    made = pl.DataFrame({"x": x, "start_day": entry, "stop_day": stop, "person_id": np.arange(size)})
    kinds = {"event": is_event & (time < censored), "competing": ~is_event & (time < censored)}
    return made.with_columns(**{name: pl.Series(name, kind) for name, kind in kinds.items()}).filter(stop > entry)


def test_a_known_ratio_is_found_again_with_intervals_that_cover_it() -> None:
    """150 samples of about 350: the mean error within three of its own, coverage within three of 95%."""
    effect, errors, covered = 0.7, [], 0
    draw = np.random.default_rng(11)
    for _ in range(150):
        found = fit_fine_gray(fine_gray_world(draw, 400, effect), ["x"], id="person_id")
        error = float(found.params[0] - effect)
        errors.append(error)
        covered += abs(error) < 1.96 * math.sqrt(fine_gray_covariance(found)[0, 0])
    assert abs(np.mean(errors)) < 3 * np.std(errors) / math.sqrt(150)
    assert abs(covered - 142.5) < 3 * math.sqrt(150 * 0.95 * 0.05)


# --- What is refused -----------------------------------------------------------------------------------------

BASE = frame([split(p) for p in cohort(20, 10)])


def with_gap(data: pl.DataFrame) -> pl.DataFrame:
    return data.filter(~((pl.col("person_id") == 3) & (pl.int_range(pl.len()).over("person_id") == 1)))


REFUSED: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    ("a gap", with_gap, r"1 interval\(s\) do not start where"),
    ("an early event", lambda d: d.with_columns(event=pl.int_range(pl.len()) == 0, competing=False), "1 event.s. come"),
    ("two kinds at once", lambda d: d.with_columns(competing=pl.col("event")), r"end with event and with competing"),
    ("no competing event known", lambda d: d.with_columns(competing=pl.lit(None, pl.Boolean)), "column competing has"),
    (
        "a covariate missing, counted once",
        lambda d: d.with_columns(x0=pl.when(pl.col("competing")).then(None).otherwise("x0")),
        f"column x0 has {BASE['competing'].sum()} value",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_has_no_weight_is_refused(change: Callable[[pl.DataFrame], pl.DataFrame], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fine_gray_sets(change(BASE), ["x0", "x1"], id="person_id")


def test_strata_may_not_reach_across_censoring_strata() -> None:
    with pytest.raises(ValueError, match="1 of 1 strata reach across censoring strata"):
        fine_gray_sets(BASE, ["x0"], id="person_id", censoring_strata=["stratum"])


def test_a_person_may_not_change_the_censoring_stratum() -> None:
    moving = BASE.with_columns(stratum=pl.int_range(pl.len()) % 2)
    with pytest.raises(ValueError, match="other censoring strata"):
        fine_gray_sets(moving, ["x0"], ["stratum"], id="person_id", censoring_strata=["stratum"])


def test_who_comes_after_all_were_lost_says_nothing_of_those_before() -> None:
    """All present are censored on day 3; the competing event of day 2 then weighs nothing, as G is zero."""
    early = [Person(0, 2, 2, ((1, 0),)), Person(0, 1, 1, ((0, 1),)), Person(0, 3, 0, ((0, 0),))]
    late = [Person(4, 6 + k, 1, ((k % 2, k),)) for k in range(4)]
    sets = sets_of([*early, *late])
    assert PartialLikelihood(sets, "efron").sums(np.zeros(2)).at_risk[:, 0] == pytest.approx([3, 4, 3, 2, 1])


def test_residuals_need_the_sets_of_this_model() -> None:
    ordinary = fit_cox(risk_sets(frame(cohort(40, 12)), ["x0", "x1"]))
    with pytest.raises(ValueError, match="not those of fine_gray_sets"):
        fine_gray_covariance(ordinary)


def test_words_are_no_events() -> None:
    with pytest.raises(ValueError, match=r"^column event holds String, not numbers$"):
        fine_gray_sets(BASE.with_columns(event=pl.lit("yes")), ["x0"], id="person_id")


# --- At the edge ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows", [frame(cohort(30, 13)).with_columns(event=pl.lit(False)), frame(cohort(30, 13)).clear()]
)
def test_without_events_there_is_nothing_to_fit(rows: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"^there are no events$"):
        fit_fine_gray(rows, ["x0", "x1"], id="person_id")


def test_one_event_among_competing_ones() -> None:
    """The one with the event stands in the middle of four who had the competing event before: they are all compared."""
    corners = [Person(0, 1, 2, ((a, b),)) for a in (0, 2) for b in (0, 2)]
    found = fit([*corners, Person(0, 2, 1, ((1, 1),)), Person(0, 3, 0, ((1, 0),))])
    assert found.columns == ("x0", "x1")
    assert PartialLikelihood(found.sets, "efron").sums(np.zeros(2)).at_risk[:, 0] == pytest.approx([6])
    assert np.isfinite(numbers(found)).all()


def test_all_at_one_time_is_coxs_model() -> None:
    """Who has the competing event then is at risk of the event then, and of none after it."""
    persons = [replace(p, start=0, stop=1) for p in cohort(60, 14)]
    ordinary = fit_cox(risk_sets(frame(persons), ["x0", "x1"]))
    assert fit(persons).params == pytest.approx(ordinary.params, rel=1e-12)
    assert fit(persons).covariance == pytest.approx(ordinary.covariance, rel=1e-12)


def test_persons_who_are_strata_of_their_own_have_no_estimate_and_no_covariance() -> None:
    found = fit_fine_gray(frame(cohort(30, 13)), ["x0", "x1"], ["person_id"], id="person_id")
    assert found.columns == ()
    assert fine_gray_covariance(found).shape == (0, 0)
    assert score_residuals(found).shape == (30, 0)


@pytest.mark.parametrize("unit", [1e-300, 1e150])
def test_the_unit_of_the_weights_changes_only_the_models_own_variance(unit: float) -> None:
    persons = cohort(80, 15)
    plain, light = fit(persons), fit([replace(p, weight=unit) for p in persons])
    assert light.params == pytest.approx(plain.params, rel=1e-9)
    assert light.covariance * unit == pytest.approx(plain.covariance, rel=1e-9)
    assert fine_gray_covariance(light) == pytest.approx(fine_gray_covariance(plain), rel=1e-8)


def test_persons_of_nearly_no_weight_hardly_count() -> None:
    """With Breslow's ties; they count in the chance to stay under observation, which is unweighted."""
    persons = cohort(80, 16)
    mixed, faint = (
        fit([replace(p, weight=w if i % 2 else 1.0) for i, p in enumerate(persons)], "breslow") for w in (1e-300, 1e-14)
    )
    assert mixed.params == pytest.approx(faint.params, rel=1e-9)
    assert fine_gray_covariance(mixed) == pytest.approx(fine_gray_covariance(faint), rel=1e-8)
    assert score_residuals(mixed, "known")[1::2] == pytest.approx(np.zeros((40, 2)), abs=1e-250)
