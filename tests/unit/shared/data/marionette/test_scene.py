"""Scenes follow from their seed; the sensor does to the light what its numbers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared.data.marionette.scene import (
    BACKGROUNDS,
    NECKLINES,
    PATTERNS,
    Sensor,
    develop,
    neckline_of,
    paint_background,
    paint_cloth,
    sample_scene,
)

PLAIN = Sensor(exposure=1.0, balance=(1.0, 1.0, 1.0), gamma=1.0, blur=0.0, noise=0.0, vignette=0.0)


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(seed) for seed in range(200)]


def rng():
    return np.random.default_rng(0)


def test_same_seed_same_scene():
    assert sample_scene(4) == sample_scene(4)
    assert sample_scene(4) != sample_scene(5)


def test_numbers_stay_within_their_ranges(scenes):
    for scene in scenes:
        assert 1.8 <= scene.focal <= 4.5
        assert 0.62 <= scene.head_share <= 0.70
        assert min(scene.ambient) > 0.05
        for light in (scene.key, scene.fill, scene.rim):
            assert np.isclose(np.linalg.norm(light.direction), 1.0)
            assert min(light.colour) >= 0
        assert scene.key.direction[2] > 0.2, "the key light comes from before the face"


def test_every_kind_occurs(scenes):
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    assert {scene.cloth for scene in scenes} == set(PATTERNS)
    assert {scene.neckline for scene in scenes} == set(NECKLINES)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_background_is_a_still_picture(kind):
    scene = replace(sample_scene(11), background=kind)
    picture = paint_background(scene, 48)
    assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, paint_background(scene, 48))


def test_backgrounds_of_two_scenes_differ():
    first, second = (replace(sample_scene(seed), background="blobs") for seed in (1, 2))
    gap = paint_background(first, 32).astype(int) - paint_background(second, 32)
    assert np.abs(gap).mean() > 3


@pytest.mark.parametrize("pattern", PATTERNS)
def test_cloth_wears_its_colours(pattern):
    colours = ((0.8, 0.1, 0.1), (0.1, 0.1, 0.8))
    cloth = paint_cloth(replace(sample_scene(3), cloth=pattern, cloth_colours=colours), 64)
    red, _, blue = (cloth.reshape(-1, 3) / 255).mean(axis=0)
    assert cloth.shape == (64, 64, 3)
    assert red > 0.6 if pattern == "plain" else red < 0.79
    assert blue < 0.2 if pattern == "plain" else blue > 0.11


def test_a_vee_neck_is_deeper_in_the_middle_than_a_crew_neck():
    scene = sample_scene(0)
    crew = neckline_of(replace(scene, neckline="crew"))
    vee = neckline_of(replace(scene, neckline="vee"))
    assert vee[0] < crew[0] and vee[2] > crew[2]


def test_sensor_is_gamma_encoding_in_the_mid_tones():
    levels = np.array([0.0, 0.02, 0.1, 0.3, 0.5], np.float32)
    picture = develop(np.repeat(levels[:, None, None], 3, axis=2), PLAIN, rng())
    assert np.abs(picture[:, 0, 0] - 255 * levels ** (1 / 2.2)).max() <= 1


def test_sensor_bends_highlights_but_keeps_their_order():
    levels = np.array([0.6, 0.8, 1.0, 1.5, 2.5], np.float32)
    picture = develop(np.repeat(levels[:, None, None], 3, axis=2), PLAIN, rng()).astype(int)
    assert (np.diff(picture[:, 0, 0]) > 0).all() and picture.max() <= 255


def test_noise_has_the_deviation_it_says():
    grey = np.full((128, 128, 3), 0.2, np.float32)
    picture = develop(grey, replace(PLAIN, noise=4.0), rng()).astype(float)
    assert 3.8 < picture.std() < 4.2


def test_colour_cast_exposure_and_vignette():
    grey = np.full((33, 33, 3), 0.2, np.float32)
    cast = develop(grey, replace(PLAIN, balance=(1.2, 1.0, 0.8)), rng())[0, 0].astype(int)
    assert cast[0] > cast[1] > cast[2]
    brighter = develop(grey, replace(PLAIN, exposure=1.5), rng())
    assert brighter[0, 0, 0] > develop(grey, PLAIN, rng())[0, 0, 0]
    dimmed = develop(grey, replace(PLAIN, vignette=0.3), rng())
    assert dimmed[0, 0, 0] < dimmed[16, 16, 0]


def test_blur_is_in_shares_of_the_picture():
    spot = np.zeros((256, 256, 3), np.float32)
    spot[128, 128] = 0.5
    wide = develop(spot, replace(PLAIN, blur=2.0), rng())
    small = develop(spot[64:192, 64:192], replace(PLAIN, blur=2.0), rng())
    assert wide[128, 128, 0] < small[64, 64, 0]
