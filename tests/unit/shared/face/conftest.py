"""One detector, one landmark network and one photographed face for all tests of this folder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from shared.face.detector import CenterFace, Face
from shared.face.landmarks import LandmarkNet, Landmarks


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """A NASA portrait, 512 x 512, with one face of about 88 x 120 px."""
    return data.astronaut()


@pytest.fixture(scope="session")
def detector() -> CenterFace:
    return CenterFace()


@pytest.fixture(scope="session")
def landmark_net() -> LandmarkNet:
    return LandmarkNet()


@pytest.fixture(scope="session")
def portrait(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Head and shoulders of the portrait, 256 x 256."""
    return np.ascontiguousarray(photo[0:256, 96:352])


@pytest.fixture(scope="session")
def face(detector: CenterFace, portrait: NDArray[np.uint8]) -> Face:
    return detector.detect(portrait)[0]


@pytest.fixture(scope="session")
def found(landmark_net: LandmarkNet, portrait: NDArray[np.uint8], face: Face) -> Landmarks:
    return landmark_net(portrait, face)


@pytest.fixture(scope="session")
def other_portrait(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The portrait mirrored, darker and smaller: another face as far as places are concerned."""
    return cv2.convertScaleAbs(
        cv2.resize(portrait[:, ::-1], (200, 200), interpolation=cv2.INTER_AREA), alpha=0.8
    )
