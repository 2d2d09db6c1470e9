from __future__ import annotations

import numpy as np
import torch

from shared.face.camera import Camera, rotation_matrix
from shared.face.head_model import HeadModel
from synthesis.opt.geometry import DISTANCE, FaceGeometry, project, rotation_matrices


def test_landmarks_and_projection_are_those_of_the_head_model():
    model, rng = HeadModel.load(), np.random.default_rng(0)
    identity = rng.standard_normal((2, model.identities)).astype(np.float32)
    expression = rng.random((2, 3, 52)).astype(np.float32)
    angles = rng.uniform(-0.5, 0.5, (2, 3, 3)).astype(np.float32)
    ours = FaceGeometry.of_head_model(model)(*map(torch.from_numpy, (identity, expression)))
    theirs = model.points("68", identity[:, None], expression)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)
    seen = project(ours, torch.from_numpy(angles)).numpy()
    wanted = model.project(theirs, angles, np.array([0, 0, -DISTANCE]), Camera.of_crop(1))
    np.testing.assert_allclose(seen + 0.5, wanted, atol=1e-5)


def test_rotation_is_that_of_the_house():
    angles = np.random.default_rng(1).uniform(-1, 1, (4, 3))
    np.testing.assert_allclose(
        rotation_matrices(torch.from_numpy(angles)).numpy(), rotation_matrix(angles), atol=1e-12
    )


def test_no_rotation_is_the_view_from_in_front():
    points = torch.rand(2, 68, 3) * 0.1
    torch.testing.assert_close(project(points, None), project(points, torch.zeros(2, 3)))


def test_the_interocular_distance_does_not_depend_on_the_expression():
    geometry = FaceGeometry.of_head_model(HeadModel.load())
    eyes = geometry.interocular(torch.zeros(3, geometry.identity.shape[0]))
    assert eyes.shape == (3,)
    assert (eyes > 0.1).all()
    assert (eyes < 0.4).all()
