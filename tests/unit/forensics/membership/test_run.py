from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.pictures import Picture, as_pictures, read_images
from forensics.membership.protocol import Evidence, Scores, image_generators
from forensics.membership.registry import attack
from forensics.membership.run import evidence_of, own_device, score_images
from shared.errors import InputError, WeightsError
from shared.media.image import write_image


@dataclass(frozen=True)
class Noisy:
    """The mean of the picture plus noise of its own; black pictures are refused, one model call each."""

    name: ClassVar[str] = "noisy"
    title: ClassVar[str] = "Noisy"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    scale: float = 1.0

    def score(
        self,
        target,
        images: torch.Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        if (images.amax((1, 2, 3)) == 0).any():
            raise InputError("a black picture")
        target.calls += len(images)
        noise = [torch.randn(1, generator=g) for g in image_generators(generator, len(images))]
        values = images.mean((1, 2, 3)) + self.scale * torch.cat(noise)
        values += torch.tensor([float(len(caption)) for caption in captions])
        told = tuple(Evidence({}, {}, f"It is {v:.6f}.") for v in values.tolist())
        return Scores(values.double().numpy(), True, told if evidence else (), 1.0)


def images(count: int = 10) -> torch.Tensor:
    return torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0)) + 0.01


def target() -> ClosedFormTarget:
    return ClosedFormTarget(images(2))


def test_neither_batch_size_nor_company_changes_a_score():
    captions = ["", "a", "bb"] + [""] * 7
    found = [
        score_images(Noisy(), target(), as_pictures(images()), captions, size, 3).values
        for size in (1, 3, 10)
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    np.testing.assert_allclose(found[0], found[2], rtol=1e-6)
    other_seed = score_images(Noisy(), target(), as_pictures(images()), captions, 10, 4).values
    assert np.abs(found[0] - other_seed).min() > 1e-4


def test_one_bad_picture_stops_nothing():
    broken = InputError("a broken file")
    pictures = list(as_pictures(images(6)))
    pictures[2] = Picture(2, Path("2"), None, broken)
    pictures[4] = Picture(4, Path("4"), torch.zeros(3, 4, 4))
    whole = score_images(Noisy(), target(), as_pictures(images(6)), None, 3, 0)
    found = score_images(Noisy(), target(), pictures, None, 3, 0, evidence=True)
    good = [0, 1, 3, 5]
    np.testing.assert_allclose(found.values[good], whole.values[good], rtol=1e-6)
    assert np.isnan(found.values[[2, 4]]).all()
    assert found.failures == {2: "a broken file", 4: "a black picture"}
    assert len(found.evidence) == 6
    assert "no score" in found.evidence[2].sentence


def test_an_audit_without_a_single_score_says_why():
    with pytest.raises(InputError, match=r"no picture could be scored.*black"):
        score_images(Noisy(), target(), as_pictures(torch.zeros(2, 3, 4, 4)), None)
    with pytest.raises(InputError, match="no picture to score"):
        score_images(Noisy(), target(), [], None)
    with pytest.raises(InputError, match="fewer captions"):
        score_images(Noisy(), target(), as_pictures(images()), ["one"])
    with pytest.raises(InputError, match="batch size"):
        score_images(Noisy(), target(), as_pictures(images()), None, 0)


def test_what_is_wrong_with_the_model_stops_the_audit():
    class Broken(Noisy):
        def score(self, *arguments, **options):
            raise WeightsError("no weights")

    with pytest.raises(WeightsError):
        score_images(Broken(), target(), as_pictures(images()), None)


def _dying(count: int):
    yield from as_pictures(images()[:count])
    raise KeyboardInterrupt


def test_an_interrupted_run_continues(tmp_path):
    cache = tmp_path / "scores.jsonl"
    whole = score_images(Noisy(), target(), as_pictures(images()), None, 2, 0)
    with pytest.raises(KeyboardInterrupt):
        score_images(Noisy(), target(), _dying(7), None, 2, 0, cache)
    with cache.open("a") as stream:
        stream.write('{"key": "cut off in the mid')
    model = target()
    found = score_images(Noisy(), model, as_pictures(images()), None, 2, 0, cache)
    assert model.calls == 4  # six of ten were finished
    np.testing.assert_allclose(found.values, whole.values, rtol=1e-6)
    assert found.calls == 1.0
    assert len(cache.read_text().splitlines()) == 11
    assert all(json.loads(line) for line in cache.read_text().splitlines())


def test_a_changed_picture_or_caption_is_scored_anew(tmp_path):
    cache = tmp_path / "scores.jsonl"
    score_images(Noisy(), target(), as_pictures(images()), None, 1, 0, cache)
    changed = images()
    changed[3] *= 0.5
    model = target()
    captions = [""] * 9 + ["new"]
    score_images(Noisy(), model, as_pictures(changed), captions, 1, 0, cache)
    assert model.calls == 2


@pytest.mark.parametrize(
    ("other", "seed"), [(Noisy(scale=2.0), 0), (Noisy(), 1), (attack("secmi"), 0)]
)
def test_the_cache_of_another_run_is_refused(tmp_path, other, seed):
    cache = tmp_path / "scores.jsonl"
    score_images(Noisy(), target(), as_pictures(images()), None, 4, 0, cache)
    with pytest.raises(InputError, match="another run"):
        score_images(other, target(), as_pictures(images()), None, 4, seed, cache)


def test_a_file_that_is_no_cache_is_left_alone(tmp_path):
    cache = tmp_path / "notes.txt"
    cache.write_text("dear diary\n")
    with pytest.raises(InputError, match="no list of scores"):
        score_images(Noisy(), target(), as_pictures(images()), None, 4, 0, cache)
    assert cache.read_text() == "dear diary\n"


def test_evidence_can_be_had_later_for_one_picture():
    pictures = list(as_pictures(images()))
    scores = score_images(Noisy(), target(), pictures, None, 4, 5)
    told = evidence_of(Noisy(), target(), pictures[7], seed=5)
    assert told.sentence == f"It is {scores.values[7]:.6f}."
    assert told.pictures["original"].shape == (4, 4, 3)  # the attack itself shows nothing
    with pytest.raises(InputError, match="broken"):
        evidence_of(Noisy(), target(), Picture(0, Path("x"), None, InputError("broken")))


def test_memory_does_not_grow_with_the_pictures():
    def peak(count: int) -> int:
        one = torch.rand(3, 64, 64)
        pictures = (Picture(i, Path("x"), one.clone()) for i in range(count))
        tracemalloc.start()
        score_images(Noisy(), target(), pictures, None, 4, 0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(8)
    few, many = peak(40), peak(400)
    assert many - few < 360 * 1500  # a row of numbers each, no pixels (49 kB each)


def test_each_process_of_a_launcher_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert own_device("cuda") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert (own_device("cuda"), own_device("cuda:1"), own_device("cpu")) == (
        "cuda:3",
        "cuda:1",
        "cpu",
    )


PROGRAM = """
import json, sys, torch
from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.pictures import read_images
from forensics.membership.registry import attack
from forensics.membership.run import score_images
target = ClosedFormTarget(torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
pictures, cache = read_images(sys.argv[2:], 8), sys.argv[1] + ".cache"
scores = score_images(attack("naive-loss"), target, pictures, None, 2, 0, cache)
found = [list(scores.values), target.calls, list(scores.failures), "diffusers" in sys.modules]
print(json.dumps(found))
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_two_processes_find_what_one_finds(tmp_path):
    pixels = np.random.default_rng(0)
    paths = [tmp_path / f"{index}.png" for index in range(7)]
    for path in paths:
        write_image(path, pixels.integers(0, 255, (9, 12, 3), dtype=np.uint8))
    paths[5].write_bytes(b"not a picture")
    model = ClosedFormTarget(torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    alone = score_images(attack("naive-loss"), model, read_images(paths, 8), None, 2, 0)
    # what `accelerate launch` and torchrun put into the environment
    launched = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "scores"), *map(str, paths)]
    running = [
        subprocess.Popen(
            command,
            env={**launched, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    found = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    for values, _, failures, _ in found:
        np.testing.assert_allclose(values, alone.values, rtol=1e-6)
        assert failures == [5]
    # each asked the model for its own part (four draws a picture), and kept it
    assert [calls for _, calls, _, _ in found] == [3 * 4, 3 * 4]
    assert (tmp_path / "scores.cache").is_file()
    assert (tmp_path / "scores.cache.1").is_file()
    # no heavy import where nothing needs it
    assert not any(loaded for *_, loaded in found)
