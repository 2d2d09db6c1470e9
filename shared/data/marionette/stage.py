"""The stage: a person in a scene, rendered frame by frame with exact ground truth.

    rotation, translation, expression -> Shot(image, regions, landmarks68, landmarks478)

The head turns and moves by the given pose; the shoulders follow only in part, so that a renderer
cannot learn that pictures move as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.marionette.assembly import build_surfaces, region_map
from shared.data.marionette.canvas import load_canvas
from shared.data.marionette.geometry import DECIMETRE, head_origin, load_base_mesh, shape_vertices
from shared.data.marionette.graphics import ensure_gl
from shared.data.marionette.people import Person
from shared.data.marionette.puppet import Puppet, Span
from shared.data.marionette.scene import Scene, develop, neckline_of, paint_background, paint_cloth
from shared.data.marionette.surfaces import Material, Region
from shared.errors import InputError
from shared.face.camera import Camera, rotation_matrix
from shared.face.head_model import HeadModel
from shared.face.points import points68
from shared.motion import FACE_UNITS

Floats = NDArray[np.floating]

BODY_TURN = np.array([0.06, 0.13, 0.05], np.float32)
"""How much of the head's pitch, yaw and roll the shoulders take up."""

BODY_MOVE = 0.6
"""How much of the head's translation the shoulders take up."""

_SHADOW_REACH = 0.26
"""Half the width of the shadow map, metres."""


@dataclass(frozen=True)
class Shot:
    """A rendered frame and what is true about it.

    Attributes:
        image: ``(size, size, 3)`` uint8 RGB.
        regions: ``(size/2, size/2)`` uint8, values of :class:`~.surfaces.Region`.
        landmarks68: ``(68, 2)`` px in the image.
        landmarks478: ``(478, 2)`` px in the image.
    """

    image: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    landmarks68: Floats
    landmarks478: Floats


class Stage:
    """A person in a scene, ready to be rendered; use it as a context manager or call ``close``.

    Args:
        person: Who.
        scene: Where.
        size: Side of the picture, px; even.
        supersample: Pixels a side that are drawn for each one given, 1 to 4.
        looks: Folder of MakeHuman's looks, or None: all painted.

    Attributes:
        camera: The true camera, in px of the rendered picture.
        identity: ``(I,)`` the person's head model coefficients (least squares).
        rest_translation: ``(3,)`` metres; frames the head as a face crop does.

    Raises:
        MissingExtra: If what ``make corpus-deps`` installs is missing.

    Example:
        ``with Stage(sample_person(1), sample_scene(1)) as stage:``
        ``shot = stage.render(np.zeros(3), stage.rest_translation, np.zeros(52))``
    """

    def __init__(
        self, person: Person, scene: Scene, *, size: int = 256, supersample: int = 2,
        looks: Path | None = None,
    ) -> None:  # fmt: skip
        if size < 16 or size % 2 or not 1 <= supersample <= 4:
            found = f"size {size}, supersample {supersample}"
            raise InputError("unusable picture size", found=found, expected="even size, 1 to 4")
        self._graphics = ensure_gl()
        self.size, self.scene = size, scene
        self._side = size * supersample
        mesh = load_base_mesh()
        base = shape_vertices(mesh, person.shape)
        cloth = Material(
            paint_cloth(scene), Region.CLOTHES, gloss=0.02, scatter=0.1, neckline=neckline_of(scene)
        )
        self._puppet = Puppet(build_surfaces(person, mesh, base, cloth, looks), base)
        model = HeadModel.load()
        centred = (base - head_origin(base)) * DECIMETRE
        self.identity: Floats = np.asarray(model.encode(centred[model.base_index]), np.float32)
        self.camera = Camera(scene.focal * size, (size / 2, size / 2))
        self.rest_translation = self._frame_head()
        self._background = (paint_background(scene, size).astype(np.float32) / 255) ** 2.2
        self._rng = np.random.default_rng([0x5E50, scene.seed, person.seed])
        self._resources: list[Any] = []
        self._upload(region_map(load_canvas(), person))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the graphics memory back; the stage cannot be used afterwards."""
        for resource in self._resources:
            resource.release()
        self._resources.clear()

    def render(self, rotation: Floats, translation: Floats, expression: Floats) -> Shot:
        """Render a frame; the sensor's noise differs from call to call, all else is exact.

        Args:
            rotation: ``(3,)`` pitch, yaw, roll of the head, radians.
            translation: ``(3,)`` the head's origin in camera space, metres (z < 0).
            expression: ``(52,)`` face units.

        Raises:
            InputError: If an argument has a wrong shape or the stage is closed.
        """
        if not self._resources:
            raise InputError("the stage is closed", fix="make a new Stage")
        rotation, translation, expression = (
            np.asarray(value, np.float32) for value in (rotation, translation, expression)
        )
        if (rotation.shape, translation.shape, expression.shape) != (
            (3,),
            (3,),
            (len(FACE_UNITS),),
        ):
            found = (rotation.shape, translation.shape, expression.shape)
            raise InputError("wrong shapes for a pose", found=found, expected="(3,), (3,), (52,)")
        self._set_pose(rotation, translation)
        points, normals = self._puppet.pose(expression)
        soft = self._puppet.source[: self._puppet.soft_corners]
        self._moving_buffer.write(np.concatenate([points, normals], axis=1)[soft])
        self._draw()
        image, regions = self._read()
        camera_points = HeadModel.project(
            self._puppet.landmarks(expression), rotation, translation, self.camera
        ).astype(np.float32)
        return Shot(image, regions, points68(camera_points), camera_points)

    def _frame_head(self) -> Floats:
        """Find the translation at which the head has its share of the picture's height."""
        puppet = self._puppet
        hair = [i for i, span in enumerate(puppet.spans) if span.material.region == Region.HAIR]
        tops = [self._points_of(puppet.spans[i])[:, 1].max() for i in [0, *hair]]
        top, chin = float(max(tops)), float(puppet.landmarks(np.zeros(52, np.float32))[152, 1])
        distance = self.scene.focal * (top - chin) / self.scene.head_share
        scale = distance / self.scene.focal  # metres across the picture at the head
        x, y = self.scene.shift
        middle = np.array([0, (top + chin) / 2, 0.03])
        return np.asarray(np.array([x * scale, y * scale, -distance]) - middle, np.float32)

    def _points_of(self, span: Span) -> Floats:
        corners = self._puppet.order[span.first : span.first + span.count]
        return self._puppet.rest[self._puppet.source[corners]]

    def _upload(self, regions: NDArray[np.uint8]) -> None:
        """Send everything that stays the same to the graphics memory."""
        context, puppet = self._graphics.context, self._puppet
        place = np.column_stack([puppet.place, puppet.weight])[puppet.source]
        still = np.hstack([puppet.uv, place]).astype(np.float32)
        rest = np.concatenate([puppet.rest, puppet.rest_normals], axis=1)[puppet.source]
        self._moving_buffer = context.buffer(rest, dynamic=True)
        still_buffer = context.buffer(still)
        order = context.buffer(puppet.order.astype(np.int32))
        self._resources += [self._moving_buffer, still_buffer, order]
        layout = [
            (self._moving_buffer, "3f 3f", "in_point", "in_normal"),
            (still_buffer, "2f 4f", "in_uv", "in_place"),
        ]
        graphics = self._graphics
        programs = (graphics.light, graphics.light_solid, graphics.shade, graphics.shade_solid)
        self._arrays = {
            program: context.vertex_array(program, layout, order, skip_errors=True)
            for program in programs
        }
        self._resources += self._arrays.values()
        textures: dict[int, Any] = {}
        for span in puppet.spans:
            picture = span.material.texture
            if id(picture) not in textures:
                textures[id(picture)] = self._texture(picture, smooth=True)
        self._textures = [textures[id(span.material.texture)] for span in puppet.spans]
        self._regions = self._texture(regions[..., None], smooth=False)

    def _texture(self, picture: NDArray[np.uint8], smooth: bool) -> Any:
        height, width, channels = picture.shape
        pixels = np.ascontiguousarray(picture[::-1])
        texture = self._graphics.context.texture((width, height), channels, pixels, alignment=1)
        gl = self._graphics.gl
        if smooth:
            texture.build_mipmaps()
            texture.filter = (gl.LINEAR_MIPMAP_LINEAR, gl.LINEAR)
        else:
            texture.filter = (gl.NEAREST, gl.NEAREST)
        self._resources.append(texture)
        return texture

    def _set_pose(self, rotation: Floats, translation: Floats) -> None:
        scene = self.scene
        body = rotation * BODY_TURN + np.array([0, scene.body_turn, 0], np.float32)
        key = np.array(scene.key.direction, np.float32)
        shadow_lens = _shadow_lens(key, translation)
        pose = {
            "head_turn": rotation_matrix(rotation),
            "head_shift": translation,
            "body_turn": rotation_matrix(body),
            "body_shift": self.rest_translation + BODY_MOVE * (translation - self.rest_translation),
            "shadow_lens": shadow_lens,
            "ambient": scene.ambient,
        }
        for name in ("key", "fill", "rim"):
            light = getattr(scene, name)
            pose |= {name: light.direction, f"{name}_colour": light.colour}
        for program in self._arrays:
            lit = "key" in program
            self._set(program, pose | {"lens": _lens(scene.focal) if lit else shadow_lens})
            if lit:
                self._set(program, {"shadow": 1, "regions": 2})

    @staticmethod
    def _set(program: Any, values: dict[str, Any]) -> None:
        """Write those uniforms that a program has; matrices are given by rows."""
        for name, value in values.items():
            if name not in program:
                continue
            if isinstance(value, np.ndarray):
                program[name].write(np.ascontiguousarray(value.T, np.float32))
            else:
                program[name] = value

    def _draw(self) -> None:
        """Draw the shadow map, then what is solid, then soft edges over it."""
        graphics, gl = self._graphics, self._graphics.gl
        context, spans = graphics.context, self._puppet.spans
        context.enable_only(gl.DEPTH_TEST)
        graphics.shadow_frame.use()
        graphics.shadow_frame.clear(depth=1.0)
        for index, span in enumerate(spans):
            if span.material.shadow:
                program = graphics.shade_solid if span.solid else graphics.shade
                self._draw_span(index, span, program, 0)
        frame = graphics.frame(self._side).target
        frame.use()
        frame.clear()
        graphics.shadow_map.use(1)
        self._regions.use(2)
        for sheets in (True, False):  # what hair hides need not be lit
            context.enable_only(gl.DEPTH_TEST if sheets else gl.DEPTH_TEST | gl.CULL_FACE)
            for index, span in enumerate(spans):
                if span.material.two_sided == sheets:
                    program = graphics.light_solid if span.solid else graphics.light
                    self._draw_span(index, span, program, 0)
        context.enable_only(gl.DEPTH_TEST | gl.BLEND)
        one, rest = gl.ONE, gl.ONE_MINUS_SRC_ALPHA
        context.blend_func = gl.SRC_ALPHA, rest, one, rest  # type: ignore[assignment]
        frame.depth_mask = False
        frame.color_mask = ((True,) * 4, (False,) * 4)
        for index, span in enumerate(spans):
            if span.material.two_sided:
                self._draw_span(index, span, graphics.light, 1)
        frame.depth_mask = True
        frame.color_mask = ((True,) * 4, (True,) * 4)

    def _draw_span(self, index: int, span: Span, program: Any, layer: int) -> None:
        material = span.material
        kind = 1 if material.two_sided else 2 if span.fur else 3 if material.neckline else 0
        values = {
            "kind": kind,
            "cut": span.cut,
            "neckline": material.neckline or (0.0, 0.0, 0.0),
            "strands": material.strands,
            "layer": layer,
            "region": int(material.region),
            "gloss": material.gloss,
            "sharpness": material.sharpness,
            "scatter": material.scatter,
            "cavity": material.cavity,
        }
        self._set(program, values)
        self._textures[index].use(0)
        self._arrays[program].render(vertices=span.count, first=span.first)

    def _read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        side, size = self._side, self.size
        frame = self._graphics.frame(side)
        light = np.frombuffer(frame.light.read(), np.float32).reshape(side, side, 4)[::-1]
        labels = np.frombuffer(frame.labels.read(alignment=1), np.uint8).reshape(side, side)[::-1]
        drawn = light
        if side != size:
            drawn = cv2.resize(light, (size, size), interpolation=cv2.INTER_AREA)
        linear = drawn[..., :3] + (1 - drawn[..., 3:]) * self._background
        step = 2 * side // size
        regions = np.ascontiguousarray(labels[step // 2 :: step, step // 2 :: step])
        return develop(linear, self.scene.sensor, self._rng), regions


def _lens(focal: float, near: float = 0.1, far: float = 10.0) -> Floats:
    """Return OpenGL's projection for a square picture and a focal length in widths."""
    depth = far - near
    return np.array(
        [
            [2 * focal, 0, 0, 0],
            [0, 2 * focal, 0, 0],
            [0, 0, -(far + near) / depth, -2 * far * near / depth],
            [0, 0, -1, 0],
        ],
        np.float32,
    )


def _shadow_lens(towards: Floats, middle: Floats) -> Floats:
    """Return the parallel projection of a far light onto the head's surroundings."""
    away = -towards
    right = np.cross(away, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    up = np.cross(right, away)
    axes = np.stack([right / _SHADOW_REACH, up / _SHADOW_REACH, away / 0.6])
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = axes
    matrix[:3, 3] = -axes @ middle
    return matrix
