"""Geometry in full precision: eight bits of a coordinate are a pixel at 256 px."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute in float32 where the rest of a training runs in half precision.

    Its half-precision tensors, those in named tuples too, become float32, and autocast rests while it runs.

    Example:
        >>> @full_precision
        ... def product(one, other):
        ...     return one @ other
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     product(torch.eye(2), torch.eye(2).bfloat16()).dtype
        torch.float32
    """

    @functools.wraps(function)
    def exact(*args: P.args, **kwargs: P.kwargs) -> R:
        given = [_exact(one) for one in args]
        named = {name: _exact(one) for name, one in kwargs.items()}
        kinds = {one.device.type for one in (*given, *named.values()) if isinstance(one, Tensor)}
        kind = kinds.pop() if kinds else "cpu"
        if not torch.amp.autocast_mode.is_autocast_available(kind):
            return function(*given, **named)  # type: ignore[arg-type]
        with torch.autocast(kind, enabled=False):
            return function(*given, **named)  # type: ignore[arg-type]

    return exact


def _exact(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_exact, value))
    return value
