"""Synthesis: one photo and a recording become a talking head.

The one call is :func:`synthesis.talk`; importing this package loads nothing heavy until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthesis.talking_head import talk

__all__ = ["talk"]


def __getattr__(name: str) -> Any:
    """Import the public call when it is first asked for."""
    if name == "talk":
        from synthesis.talking_head import talk

        return talk
    raise AttributeError(f"module 'synthesis' has no attribute {name!r}")
