from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.protocol import (
    Attack,
    Evidence,
    Scores,
    batch_generator,
    image_generators,
    normal_like,
)
from forensics.membership.registry import attack, attacks, names, settings_of
from shared.errors import InputError


def test_every_registered_class_is_an_attack_of_that_name():
    found = attacks()
    assert tuple(found) == names()
    for name, kind in found.items():
        assert kind.name == name
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
        assert issubclass(kind, object)
        assert all(hasattr(kind, member) for member in Attack.__annotations__)
    assert len({kind.title for kind in found.values()}) == len(found)


def test_settings_are_taken_and_unknown_ones_refused():
    assert attack("secmi", t_sec=50).t_sec == 50
    with pytest.raises(InputError, match="no such attack"):
        attack("guess")
    with pytest.raises(InputError, match=r"no such setting.*steps.*t_sec"):
        attack("secmi", steps=3)


def test_settings_become_json_and_a_reference_its_hashes():
    reference = ClosedFormTarget(torch.rand(2, 3, 4, 4))
    settings = settings_of(attack("gan-leaks", reference=reference))
    again = json.loads(json.dumps(settings))
    assert again["name"] == "gan-leaks"
    assert again["samples"] == 256
    assert again["reference"]["files"] == reference.fingerprint()


def test_scores_are_oriented_by_their_direction():
    values = np.array([1.0, np.nan, 3.0])
    assert Scores(values, True, (), 1.0).oriented[2] == 3.0
    assert Scores(values, False, (), 1.0).oriented[2] == -3.0
    with pytest.raises(InputError, match="do not belong together"):
        Scores(values, True, (Evidence({}, {}, "One."),), 1.0)
    with pytest.raises(InputError, match="do not belong together"):
        Scores(values[None], True, (), 1.0)


def test_noise_belongs_to_the_picture_not_to_its_batch():
    latents = torch.zeros(4, 2, 3, 3)
    whole = normal_like(latents, image_generators(batch_generator(7, 10), 4))
    alone = normal_like(latents[:1], image_generators(batch_generator(7, 12), 1))
    torch.testing.assert_close(alone[0], whole[2])
    # one picture's noise under one seed is no other picture's under the next
    shifted = normal_like(latents, image_generators(batch_generator(8, 9), 4))
    assert (whole[:, None] - shifted[None]).abs().amax((2, 3, 4)).min() > 0.1


def test_a_control_that_repeats_an_attack_tells_its_own_name_and_the_attacks_settings():
    reference = ClosedFormTarget(torch.rand(2, 3, 4, 4))
    inner = attack("gan-leaks", reference=reference)
    repeated = [kind for name, kind in attacks().items() if kind.control and _repeats(kind)]
    told = [settings_of(kind(attack=inner)) for kind in repeated]
    assert all(settings["attack"] == settings_of(inner) for settings in told)
    assert len({json.dumps(settings) for settings in told}) == len(repeated) > 1


def _repeats(kind: type) -> bool:
    return any(
        item.name == "attack" and "Attack" in str(item.type) for item in dataclasses.fields(kind)
    )
