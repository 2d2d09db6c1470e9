"""Clocks: the order of turns, and where a call's time goes."""

import time

import cv2
import torch

from benchmarks import timing
from benchmarks.timing import machine, seconds_within, take_turns, threads


def test_tasks_take_turns_and_the_warm_up_does_not_count():
    calls = []
    tasks = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    timings = take_turns(tasks, 2, warmup=1)
    assert "".join(calls) == "ababab"
    assert len(timings["a"].seconds) == 2
    low, high = timings["a"].quartiles
    assert low <= timings["a"].median <= high


def test_time_within_functions_adds_up_through_decorators_and_generators():
    @torch.inference_mode()
    def slow():
        time.sleep(0.03)

    def pieces():
        for _ in range(2):
            time.sleep(0.01)
            yield

    def task():
        slow()
        list(pieces())

    parts, total = seconds_within({"slow": [slow], "pieces": [pieces], "none": [machine]}, task)
    assert parts["slow"] >= 0.03
    assert parts["pieces"] >= 0.02
    assert parts["none"] == 0
    assert sum(parts.values()) <= total


def test_threads_are_given_back():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def test_the_processor_and_its_cores_are_told(monkeypatch):
    lines = ["processor : 0", "model name\t: A: Fast One", "model name\t: Another"]
    monkeypatch.setattr(timing, "_lines", lambda path: lines)
    monkeypatch.setattr(timing.os, "cpu_count", lambda: 3)
    found = machine()
    assert (found["processor"], found["cores"]) == ("A: Fast One", 3)
