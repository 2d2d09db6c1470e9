"""Headless OpenGL for the stage: one context a process, its programs, frames kept by size."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.errors import MissingExtra

SHADOW_SIDE = 288
"""Texels along a side of the shadow map."""

_VERTEX = """#version 330
in vec3 in_point; in vec3 in_normal; in vec2 in_uv; in vec4 in_place;
uniform mat3 head_turn; uniform vec3 head_shift; uniform mat3 body_turn; uniform vec3 body_shift;
uniform mat4 lens; uniform mat4 shadow_lens;
out vec3 point; out vec3 normal; out vec2 uv; out vec3 place; out vec3 shadow_point;
void main() {
  float w = in_place.w;
  point = mix(body_turn * in_point + body_shift, head_turn * in_point + head_shift, w);
  normal = mix(body_turn * in_normal, head_turn * in_normal, w);
  uv = in_uv;
  place = in_place.xyz;
  gl_Position = lens * vec4(point, 1);
  shadow_point = (shadow_lens * vec4(point + 0.003 * normalize(normal), 1)).xyz * 0.5 + 0.5;
}"""

# What is cut away, the same for light and shadow.
_CUT = """
uniform sampler2D skin; uniform int kind; uniform float cut; uniform float strands;
uniform vec3 neckline;
float chance(vec2 at) { return fract(sin(dot(at, vec2(127.1, 311.7))) * 43758.5453); }
bool bald(float length_here, vec2 uv) {
  vec2 at = uv * strands, id = floor(at);
  float hair = length_here * (0.5 + 0.5 * chance(id));
  vec2 root = 0.5 + 0.25 * vec2(chance(id + 7.3), chance(id + 3.1)) - 0.125;
  float thick = 0.62 * sqrt(max(1.0 - cut / max(hair, 1e-3), 0.0)) + 0.08;
  return cut > hair || distance(fract(at), root) > thick;
}
bool gone(vec4 texel, vec3 place, vec2 uv) {
  if (kind == 2) return bald(texel.a, uv);
  if (kind == 3) return place.y > neckline.x - neckline.y * place.z + neckline.z * abs(place.x);
  return false;
}
"""

_SHADOW = (
    "#version 330\nin vec2 uv; in vec3 place;"
    + _CUT
    + "void main() { vec4 t = texture(skin, uv); if (gone(t, place, uv) || (kind == 1 && t.a < 0.5)) discard; }"
)

_SOLID_SHADOW = "#version 330\nvoid main() {}"

_LIGHT = (
    """
in vec3 point; in vec3 normal; in vec2 uv; in vec3 place; in vec3 shadow_point;
uniform sampler2D regions; uniform sampler2DShadow shadow;
uniform int layer; uniform int region; uniform float gloss; uniform float sharpness;
uniform float scatter; uniform float cavity;
uniform vec3 key; uniform vec3 key_colour; uniform vec3 fill; uniform vec3 fill_colour;
uniform vec3 rim; uniform vec3 rim_colour; uniform vec3 ambient;
layout(location = 0) out vec4 light; layout(location = 1) out uint label;
"""
    + _CUT
    + """
float lit() {
  vec2 shift = vec2(0.7, 0.45) / textureSize(shadow, 0).x;
  vec3 at = shadow_point - vec3(0.0, 0.0, 0.004);
  return 0.5 * (texture(shadow, at + vec3(shift, 0)) + texture(shadow, at - vec3(shift, 0)));
}
vec3 diffuse(vec3 n, vec3 l, float s) {
  vec3 wrap = s * vec3(1.0, 0.5, 0.4);
  return clamp((vec3(dot(n, l)) + wrap) / (1.0 + wrap), 0.0, 1.0);
}
float highlight(vec3 n, vec3 l, vec3 view) {
  float along = max(dot(n, normalize(l + view)), 0.0);
  return pow(along, sharpness) * sqrt(sharpness) / 5.0;
}
void main() {
  vec4 texel = texture(skin, uv);
#ifdef CUT
  if (gone(texel, place, uv)) discard;
  if (kind == 1 && (layer == 0 ? texel.a < 0.55 : (texel.a >= 0.55 || texel.a < 0.02))) discard;
#endif
  float alpha = layer == 0 ? 1.0 : texel.a;
  vec3 n = normalize(normal);
  if (kind == 1 && !gl_FrontFacing) n = -n;
  vec3 view = -normalize(point);
  vec3 albedo = texel.rgb * texel.rgb * (0.66 + 0.34 * texel.rgb);  // about x^2.2
  int found = region == 1 ? int(texture(regions, uv).r * 255.0 + 0.5) : region;
  float open = 1.0;
  if (found == 5) open = mix(1.0, 0.03 + 0.97 * smoothstep(0.95, 1.56, place.z), region == 1 ? 1.0 : cavity);
  if (found == 2 && kind == 0) open = 1.0 - cavity * smoothstep(0.0, 0.13, place.y - 7.284);
  if (kind == 2) albedo *= (0.4 + 0.65 * cut) * (0.7 + 0.6 * chance(floor(uv * strands) + 1.7));
  float s = lit();
  vec3 soft = s * mix(vec3(1.0, 0.88, 0.85), vec3(1.0), s);
  vec3 sky = ambient * (0.72 + 0.28 * n.y);
  vec3 colour = albedo * (sky + key_colour * diffuse(n, key, scatter) * soft
      + fill_colour * diffuse(n, fill, scatter) + rim_colour * diffuse(n, rim, 0.1));
  float edge = 1.0 - max(dot(n, view), 0.0);
  edge *= edge;
  colour += gloss * (key_colour * s * highlight(n, key, view)
      + edge * edge * (ambient + rim_colour * max(dot(n, rim), 0.0)));
  light = vec4(colour * open, alpha);
  label = uint(found);
}"""
)


@dataclass(frozen=True)
class Frame:
    """A picture to draw on.

    Attributes:
        target: The framebuffer: linear light (float) and region labels.
        light: Its texture of light.
        labels: Its texture of labels.
    """

    target: Any
    light: Any
    labels: Any


class Graphics:
    """The process's one OpenGL context and what all stages share."""

    def __init__(self) -> None:
        import moderngl

        self.gl = moderngl
        egl: dict[str, Any] = {"standalone": True, "backend": "egl", "require": 330}
        self.context = moderngl.create_context(**egl)
        version = "#version 330\n"
        self.light = self.context.program(
            vertex_shader=_VERTEX, fragment_shader=version + "#define CUT\n" + _LIGHT
        )
        self.light_solid = self.context.program(
            vertex_shader=_VERTEX, fragment_shader=version + _LIGHT
        )
        self.shade = self.context.program(vertex_shader=_VERTEX, fragment_shader=_SHADOW)
        self.shade_solid = self.context.program(
            vertex_shader=_VERTEX, fragment_shader=_SOLID_SHADOW
        )
        side = (SHADOW_SIDE, SHADOW_SIDE)
        self.shadow_map = self.context.depth_texture(side)
        self.shadow_map.compare_func = "<="
        self.shadow_map.repeat_x = self.shadow_map.repeat_y = False
        self.shadow_frame = self.context.framebuffer(depth_attachment=self.shadow_map)
        self._frames: dict[int, Frame] = {}

    def frame(self, side: int) -> Frame:
        """Return the frame of a size in pixels; made once."""
        if side not in self._frames:
            size = (side, side)
            light = self.context.texture(size, 4, dtype="f4")
            labels = self.context.texture(size, 1, dtype="u1")
            depth = self.context.depth_renderbuffer(size)
            target = self.context.framebuffer([light, labels], depth)
            self._frames[side] = Frame(target, light, labels)
        return self._frames[side]


@cache
def ensure_gl() -> Graphics:
    """Return the process's OpenGL context, made on the first call.

    Raises:
        MissingExtra: If moderngl is not installed or there is no EGL driver.
    """
    fix = "run `make corpus-deps`"
    if importlib.util.find_spec("moderngl") is None:
        raise MissingExtra("rendering people needs moderngl", fix=fix)
    try:
        return Graphics()
    except Exception as error:  # moderngl raises bare Exception where a driver is missing
        raise MissingExtra("no headless OpenGL here", found=error, fix=fix) from error
