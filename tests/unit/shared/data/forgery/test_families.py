"""Every family: deterministic, where its mask says and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from shared.data.forgery.blending import face_hull
from shared.data.forgery.families import FAMILIES, forge_of
from shared.data.forgery.local_edits import _EDITS
from shared.data.forgery.shot import Cast, Forged, Shot
from shared.errors import InputError


def negative(target: Shot, _driver: Shot):
    """Stands for a renderer: whatever it draws, the family must keep it inside the face."""
    return [255 - frame for frame in target.frames]


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def made(request, cast: Cast) -> tuple[str, Forged, Forged, Forged]:
    """A family's name, and its forgeries with seeds 1, 1 and 2."""
    forge = forge_of(request.param, negative)
    return request.param, *(forge(cast, np.random.default_rng(seed)) for seed in (1, 1, 2))


def test_nothing_changes_where_the_mask_is_zero(made, cast):
    _, forged, *_ = made
    untouched = forged.masks == 0
    assert 0.5 < untouched.mean() < 1
    assert np.array_equal(forged.frames[untouched], cast.target.frames[untouched])


def test_most_of_what_the_mask_covers_has_changed(made, cast):
    _, forged, *_ = made
    strong = forged.masks > 100
    changed = (forged.frames != cast.target.frames).any(axis=-1)
    assert strong.any(axis=(1, 2)).all()
    assert changed[strong].mean() > 0.5


def test_a_seed_gives_one_forgery(made):
    _, first, again, other = made
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.frames, other.frames)


def test_the_mask_lies_on_the_face(made, cast):
    _, forged, *_ = made
    for mask, points in zip(forged.masks, cast.target.landmarks, strict=True):
        weight = mask.astype(float)
        y, x = np.indices(mask.shape)
        center = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert face_hull(points, cast.target.size)[round(center[1]), round(center[0])]


def test_sound_and_length_are_the_targets(made, cast):
    name, forged, *_ = made
    assert forged.frames.shape == cast.target.frames.shape
    assert forged.sound.shape == cast.target.sound.shape
    assert np.array_equal(forged.sound, cast.target.sound) == (not FAMILIES[name].speech)


@pytest.mark.parametrize("name", sorted(_EDITS))
def test_each_local_edit_changes_its_part(name, cast):
    frame, points = cast.target.frames[0], cast.target.landmarks[0]
    foreign, mask = _EDITS[name](np.random.default_rng(3), cast.target.span)(frame, points)
    assert 0 < (mask > 127).mean() < 0.25
    assert np.abs(foreign.astype(int) - frame)[mask > 127].mean() > 0.5


def test_a_mouth_never_comes_from_its_own_moment(cast, monkeypatch):
    from shared.data.forgery import mouth_splice

    seen = []
    choose = mouth_splice.choose_frames

    def watched(*args, **options):
        seen.append(choose(*args, **options))
        return seen[-1]

    monkeypatch.setattr(mouth_splice, "choose_frames", watched)
    mouth_splice.mouth_splice(cast, np.random.default_rng(0))
    chosen, times = seen[0], np.arange(len(cast.target))
    near = (np.abs(chosen - times) < mouth_splice.NEAR) & (chosen < len(cast.target))
    assert not near.any()


def test_swap_takes_the_person_whose_skin_is_alike(cast):
    target, other = cast.target, cast.others[0]
    twin = dataclasses.replace(other, frames=target.frames, landmarks=target.landmarks)
    green = dataclasses.replace(other, frames=other.frames // 4 + np.uint8([0, 180, 0]))
    made = forge_of("swap")(Cast(target, (), [green, twin]), np.random.default_rng(0))
    shift = made.frames.astype(int) - target.frames
    assert np.abs(shift).mean() < 1


def test_reenactment_needs_a_renderer_that_keeps_the_size(cast, generator):
    with pytest.raises(InputError, match="--reenact"):
        forge_of("reenactment")
    with pytest.raises(InputError, match="do not fit"):
        forge_of("reenactment", lambda target, _: target.frames[:, :8])(cast, generator)


def test_an_unknown_family_is_named():
    with pytest.raises(InputError, match=r"deepfake.*swap"):
        forge_of("deepfake")
