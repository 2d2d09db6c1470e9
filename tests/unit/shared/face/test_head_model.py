from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.errors import InputError, WeightsError
from shared.face.camera import Camera, rotation_matrix
from shared.face.head_model import HEAD_MODEL_PATH, REGIONS, HeadModel
from shared.face.points import IBUG68
from shared.motion import FACE_UNITS, UNIT


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


def coefficients(model: HeadModel, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(*shape, model.identities)), rng.uniform(size=(*shape, len(FACE_UNITS)))


def test_vertices_are_the_sum_of_the_bases(model: HeadModel) -> None:
    identity, expression = coefficients(model)
    slow = model.mean.astype(np.float64)
    for value, basis in ((identity, model.identity_basis), (expression, model.expression_basis)):
        for coefficient, direction in zip(value, basis, strict=True):
            slow = slow + coefficient * direction
    np.testing.assert_allclose(model.vertices(identity, expression), slow, atol=1e-6)


def test_leading_axes_broadcast_one_person_over_time(model: HeadModel) -> None:
    identity, expression = coefficients(model, 5)
    together = model.points("478", identity[0], expression)
    assert together.shape == (5, 478, 3)
    alone = model.points("478", identity[0], expression[3])
    np.testing.assert_allclose(together[3], alone, atol=1e-6)


def test_points_lie_on_the_surface(model: HeadModel) -> None:
    identity, expression = coefficients(model)
    corners = model.vertices(identity, expression)[model.landmark_corners]
    np.testing.assert_allclose(model.landmark_weight.sum(axis=1), 1, atol=1e-6)
    assert (model.landmark_weight >= 0).all()
    expected = (corners * model.landmark_weight[..., None]).sum(axis=1)
    np.testing.assert_allclose(model.points("478", identity, expression), expected, atol=1e-6)


def test_sets_of_landmarks_agree(model: HeadModel) -> None:
    identity, expression = coefficients(model, 2)
    every = model.points("478", identity, expression)
    np.testing.assert_allclose(
        model.points("68", identity, expression), every[:, IBUG68], atol=1e-6
    )
    np.testing.assert_allclose(
        model.points([4, 152], identity, expression), every[:, [4, 152]], atol=1e-6
    )


def test_torch_points_match_and_carry_gradients(model: HeadModel) -> None:
    identity, expression = (torch.tensor(v, dtype=torch.float32) for v in coefficients(model, 3))
    expression.requires_grad_()
    points = model.torch_points("68", identity, expression)
    expected = model.points("68", identity.numpy(), expression.detach().numpy())
    np.testing.assert_allclose(points.detach().numpy(), expected, atol=1e-5)
    points.sum().backward()
    assert expression.grad is not None
    assert expression.grad.abs().sum() > 0


def test_encode_inverts_vertices(model: HeadModel) -> None:
    identity, _ = coefficients(model, 2)
    found = model.encode(model.vertices(identity, np.zeros(len(FACE_UNITS))))
    np.testing.assert_allclose(found, identity, atol=2e-3)


def test_head_space_is_that_of_the_conventions(model: HeadModel) -> None:
    nose, chin, right_eye, left_eye = model.points([4, 152, 33, 263], *zeros(model))
    assert nose[2] > max(chin[2], right_eye[2], left_eye[2])
    assert chin[1] < nose[1] < right_eye[1]
    assert right_eye[0] < 0 < left_eye[0]
    assert 0.07 < left_eye[0] - right_eye[0] < 0.11
    assert np.abs(nose[0]) < 0.002


def zeros(model: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(model.identities), np.zeros(len(FACE_UNITS))


@pytest.mark.parametrize(
    ("unit", "above", "below"),
    [("jawOpen", 13, 14), ("mouthSmileLeft", 263, 291), ("eyeWideLeft", 386, 374)],
)
def test_units_open_what_they_name(model: HeadModel, unit: str, above: int, below: int) -> None:
    identity, rest = zeros(model)
    moved = rest.copy()
    moved[UNIT[unit]] = 1
    gap = [np.diff(model.points([below, above], identity, e)[:, 1])[0] for e in (rest, moved)]
    assert (gap[1] > gap[0]) == (unit != "mouthSmileLeft")


def test_blink_closes_the_lids_of_its_own_side_only(model: HeadModel) -> None:
    identity, closed = zeros(model)
    at_rest = model.points([386, 374, 159, 145], identity, closed)
    closed[UNIT["eyeBlinkLeft"]] = 1
    blinking = model.points([386, 374, 159, 145], identity, closed)
    assert blinking[0, 1] - blinking[1, 1] < 0.35 * (at_rest[0, 1] - at_rest[1, 1])
    np.testing.assert_allclose(blinking[2:], at_rest[2:], atol=5e-4)


def test_gaze_moves_the_irises(model: HeadModel) -> None:
    identity, look = zeros(model)
    before = model.points([473], identity, look)[0]
    look[UNIT["eyeLookOutLeft"]] = 1
    assert model.points([473], identity, look)[0, 0] - before[0] > 0.003


def test_project_is_rotation_translation_and_camera(model: HeadModel) -> None:
    points = model.points("68", *zeros(model))
    angles, place = np.array([0.2, -0.3, 0.1]), np.array([0.01, -0.02, -1.0])
    camera = Camera.of_crop(256)
    expected = camera.project(np.stack([rotation_matrix(angles) @ p + place for p in points]))
    np.testing.assert_allclose(model.project(points, angles, place, camera), expected, atol=1e-4)
    many = model.project(points, np.tile(angles, (4, 1)), np.tile(place, (4, 1)), camera)
    np.testing.assert_allclose(many[2], expected, atol=1e-4)


def test_regions_are_named(model: HeadModel) -> None:
    assert set(np.unique(model.regions)) <= set(range(len(REGIONS)))
    neck = model.mean[model.regions == REGIONS.index("neck"), 1]
    assert neck.mean() < model.mean[model.regions == REGIONS.index("lips"), 1].min()


def test_saved_model_is_the_same_model(model: HeadModel, tmp_path) -> None:
    model.save(tmp_path / "kopf-ü.safetensors")
    again = HeadModel.load(tmp_path / "kopf-ü.safetensors")
    identity, expression = coefficients(model)
    np.testing.assert_allclose(
        again.vertices(identity, expression), model.vertices(identity, expression), atol=1e-6
    )


def test_the_shipped_file_is_small_and_cannot_be_written_to(model: HeadModel) -> None:
    assert HEAD_MODEL_PATH.stat().st_size < 4_000_000
    with pytest.raises(ValueError, match="read-only"):
        model.mean[0] = 0


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_a_file_that_is_no_head_model_is_refused(content: bytes | None, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="is not a head model"):
        HeadModel.load(path)


def test_a_changed_shipped_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.face import head_model

    head_model._shipped.cache_clear()
    monkeypatch.setattr(head_model, "HEAD_MODEL_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="was changed"):
        HeadModel.load()
    head_model._shipped.cache_clear()


def test_wrong_coefficients_and_landmarks_are_refused(model: HeadModel) -> None:
    identity, expression = zeros(model)
    with pytest.raises(InputError, match="identity values"):
        model.vertices(identity[:-1], expression)
    with pytest.raises(InputError, match="expression values"):
        model.vertices(identity, expression[:-1])
    with pytest.raises(InputError, match="unknown landmark set"):
        model.points("5", identity, expression)
    with pytest.raises(InputError, match="out of range"):
        model.points([478], identity, expression)
