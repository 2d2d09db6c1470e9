"""Painted surfaces: skin tones, eyes, hair, teeth. All without the base mesh."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from shared.data.marionette.looks import (
    noise,
    paint_eye,
    paint_strands,
    paint_teeth,
    read_texture,
    recolour_hair,
    skin_tone,
    to_bytes,
    to_linear,
    to_srgb,
)
from shared.data.marionette.people import EYE_COLOURS, sample_person
from shared.errors import InputError


def test_linear_light_and_back():
    values = np.linspace(0.01, 1, 50, dtype=np.float32)
    assert np.allclose(to_srgb(to_linear(values)), values, atol=1e-5)
    assert to_bytes(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 128, 255]


def test_skin_darkens_with_melanin_and_yellows_with_warmth():
    lightness = [sum(skin_tone(melanin, 0.0)) for melanin in np.linspace(0, 1, 9)]
    assert (np.diff(lightness) < 0).all()
    cool, warm = skin_tone(0.4, -1.0), skin_tone(0.4, 1.0)
    assert warm[2] / warm[0] < cool[2] / cool[0]


def test_noise_is_normalised_and_has_the_grain_it_is_asked_for():
    rng = np.random.default_rng(0)
    coarse, fine = noise(rng, 4, 128), noise(rng, 64, 128)
    for picture in (coarse, fine):
        assert abs(picture.mean()) < 1e-4 and abs(picture.std() - 1) < 1e-3
    assert np.abs(np.diff(coarse)).mean() < 0.3 * np.abs(np.diff(fine)).mean()


@pytest.mark.parametrize("colour", ["blue", "dark brown", "green"])
def test_an_eye_has_pupil_iris_and_white_from_the_inside_out(colour):
    person = replace(sample_person(1), eyes=colour, eyes_rgb=EYE_COLOURS[colour])
    eye = paint_eye(person, 128).astype(float)
    pixels_a_degree = 128 / 160
    pupil, iris, white = (eye[64, 64 + round(at * pixels_a_degree)] for at in (2, 22, 50))
    assert pupil.max() < 30
    assert white.min() > 180
    assert pupil.mean() < iris.mean() < white.mean()
    if colour == "blue":
        assert iris[2] > iris[0]


def test_two_people_of_one_eye_colour_have_different_eyes():
    first, second = (replace(sample_person(seed), eyes_rgb=(0.3, 0.2, 0.1)) for seed in (1, 2))
    assert np.abs(paint_eye(first, 64).astype(int) - paint_eye(second, 64)).mean() > 1


def test_recoloured_hair_keeps_alpha_and_strands():
    rng = np.random.default_rng(0)
    texture = rng.integers(20, 120, (32, 32, 4), dtype=np.uint8)
    texture[..., 3] = np.where(rng.random((32, 32)) < 0.5, 255, 10)
    blond = recolour_hair(texture, (0.73, 0.58, 0.36))
    opaque = texture[..., 3] > 128
    assert np.array_equal(blond[..., 3], texture[..., 3])
    mean = blond[opaque][:, :3].mean(axis=0)
    assert mean[0] > mean[1] > mean[2]
    before, after = (picture[opaque][:, :3].mean(axis=1) for picture in (texture, blond))
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_strands_run_downwards_and_join_at_the_sides():
    hair = paint_strands(np.random.default_rng(0), (0.4, 0.3, 0.2), 64).astype(float)[..., 0]
    assert np.abs(np.diff(hair, axis=1)).mean() > 2 * np.abs(np.diff(hair, axis=0)).mean()
    assert paint_strands(np.random.default_rng(0), (0.4, 0.3, 0.2), 64)[..., 3].min() == 255


def test_gums_lie_at_the_outer_ends_of_the_rows():
    upper, lower = (paint_teeth(row, 64).astype(float) for row in ("upper", "lower"))

    def redness(rows):
        return (rows[..., 0] - rows[..., 1]).mean()

    assert redness(upper[:10]) > redness(upper[-10:]) + 20
    assert redness(lower[-10:]) > redness(lower[:10]) + 20


def test_textures_are_read_with_alpha(tmp_path):
    path = tmp_path / "texture.png"
    cv2.imwrite(str(path), np.full((4, 6, 3), (10, 20, 30), np.uint8))
    assert read_texture(path)[0, 0].tolist() == [30, 20, 10, 255]
    with pytest.raises(InputError, match="missing"):
        read_texture(tmp_path / "missing.png")
