"""Which of the 478 face points the renderer looks at.

Indices follow MediaPipe's face mesh, which :class:`shared.face.head_model.HeadModel` reproduces on its surface.
"""

from __future__ import annotations

LIPS_OUTER = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    409,
    270,
    269,
    267,
    0,
    37,
    39,
    40,
    185,
)
LIPS_INNER = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    415,
    310,
    311,
    312,
    13,
    82,
    81,
    80,
    191,
)
EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
BROW_RIGHT = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
BROW_LEFT = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
NOSE = (1, 4, 5, 195, 197, 6, 168, 98, 327, 2, 94, 48, 278, 64, 294)
CHEEKS = (50, 280, 205, 425, 187, 411, 117, 346, 36, 266, 203, 423, 216, 436, 212, 432)
FOREHEAD = (151, 9, 69, 299, 108, 337)

KEYPOINTS = (
    61, 291, 0, 17, 37, 267, 84, 314, 78, 308, 13, 14,
    33, 133, 159, 145, 263, 362, 386, 374, 468, 473,
    70, 105, 107, 300, 334, 336,
    1, 168, 152, 10, 234, 454, 172, 397,
)  # fmt: skip
"""Points that are drawn as heat maps: twelve at the mouth, ten at the eyes, six at the brows, eight on the head."""

CANDIDATES = (10, 152, 234, 454, 1, 168, 172, 397)
"""Keypoints whose own affine motion is offered to the dense motion as a candidate flow."""

MESH = (
    LIPS_OUTER
    + LIPS_INNER
    + EYE_RIGHT
    + EYE_LEFT
    + BROW_RIGHT
    + BROW_LEFT
    + OVAL
    + NOSE
    + CHEEKS
    + FOREHEAD
)
"""Face points whose displacements are interpolated into the mesh flow."""

MOUTH_CENTER = (13, 14, 78, 308)
EYE_CENTERS = ((33, 133), (263, 362))
