"""Options as people type them, on a command line or in a table: text into the values that ``talk`` takes.

Nothing heavy is imported here, so that the command's help is quick.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from shared.errors import InputError


def parse_option(name: str, text: str) -> Any:
    """Turn a cell into the value of a :class:`synthesis.talking_head.TalkOptions` attribute.

    Example:
        >>> parse_option("still", "yes"), parse_option("size", "256"), parse_option("angles", "0 15 0")
        (True, 256, (0.0, 15.0, 0.0))

    Raises:
        InputError: If the text is no such value.
    """
    try:
        if name in ("still", "blinks"):
            return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[
                text.lower()
            ]
        if name == "fps":
            return Fraction(text)
        if name in ("pose_gain", "mouth_gain", "max_minutes"):
            return float(text)
        if name == "seed":
            return int(text)
        if name == "size":
            return text if text == "native" else int(text)
        if name == "angles":
            pitch, yaw, roll = (float(part) for part in text.replace(",", " ").split())
            return pitch, yaw, roll
        if name == "face":
            return parse_face(text)
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"{name} cannot be understood", found=repr(text)) from error
    return text


def parse_face(text: str) -> str | int | tuple[float, float]:
    """Read ``largest``, a number, or ``x,y``.

    Example:
        >>> parse_face("2"), parse_face("120,80")
        (2, (120.0, 80.0))
    """
    if text == "largest":
        return text
    if "," in text:
        x, y = (float(part) for part in text.split(","))
        return x, y
    return int(text)
