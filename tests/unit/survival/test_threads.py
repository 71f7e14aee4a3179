"""Arithmetic in several threads: the same results, errors and warnings as one after the other, and no waiting."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

from cohort.survival import threads
from cohort.survival.api import fit_cox, risk_sets
from cohort.survival.threads import added, each


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "THREADS", 2)  # of which one is the caller


@pytest.mark.parametrize("size", [0, 1, 2, 3, 50])
def test_results_come_in_the_order_of_the_items(size: int) -> None:
    assert each(lambda k: k * k, range(size)) == [k * k for k in range(size)]


def test_more_than_one_thread_works() -> None:
    meeting = threading.Barrier(2, timeout=30)  # passed only by two at once
    assert len(each(lambda _: meeting.wait(), range(2))) == 2


def test_what_numpy_is_to_do_about_an_overflow_holds_in_every_thread() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def exponential(power: float) -> float:
        meeting.wait()
        return float(np.exp(np.array([power]))[0])

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        each(exponential, [1.0, 1e4])
    with np.errstate(over="ignore"):
        assert each(exponential, [0.0, 1e4]) == [1.0, np.inf]


@pytest.mark.parametrize("bad", range(4))
def test_the_error_of_any_item_is_the_callers(bad: int) -> None:
    def work(item: int) -> int:
        if item == bad:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match=f"item {bad}"):
        each(work, range(4))


def test_work_may_be_divided_within_work_and_by_many_callers() -> None:
    def sums(item: int) -> int:
        return sum(each(lambda k: sum(each(lambda m: k * m, range(4))), range(item)))

    with ThreadPoolExecutor(6) as callers:
        found = [callers.submit(each, sums, range(8)) for _ in range(12)]
        assert [future.result(timeout=60) for future in found] == [[sums(k) for k in range(8)]] * 12


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 50])
def test_sums_are_of_all_items_and_few_are_there_at_once(size: int) -> None:
    there, most = 0, 0
    lock = threading.Lock()

    class Sum(np.ndarray):  # type: ignore[type-arg]
        def __del__(self) -> None:
            nonlocal there
            with lock:
                there -= 1

    def work(item: int) -> list[np.ndarray]:  # type: ignore[type-arg]
        nonlocal there, most
        with lock:
            there += 1
            most = max(most, there)
        made = np.full(3, float(item)).view(Sum)
        return [made]

    assert np.asarray(added(work, range(size))[0]).tolist() == [size * (size - 1) / 2] * 3
    assert most <= 2 * 4


def test_a_forked_child_does_all_of_it_itself() -> None:
    each(abs, [1, 2])  # so that the parent has a thread
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_in_child).get(timeout=30) == [1, 2, 3]


def _in_child() -> list[int]:
    return each(abs, [-1, -2, -3])


def test_a_fit_is_the_same_to_the_last_digit_with_and_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, size = np.random.default_rng(5), 40_000
    start = draw.integers(0, 500, size)
    intervals = pl.DataFrame(
        {
            "start_day": start,
            "stop_day": start + draw.integers(1, 300, size),
            "event": draw.random(size) < 0.05,
            "sex": draw.integers(0, 2, size),
            "dose": draw.exponential(1.0, size),  # so many patterns that they come in several pieces
        }
    )

    def fitted() -> tuple[float, ...]:
        sets = risk_sets(intervals, ["dose"], ["sex"])
        assert len(sets.blocks) > 1
        fit = fit_cox(sets)
        return (*fit.params, *fit.covariance.ravel(), fit.log_likelihood)

    together = fitted()
    monkeypatch.setattr(threads, "THREADS", 1)
    assert fitted() == together
