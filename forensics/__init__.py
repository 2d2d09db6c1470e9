"""The forensic wing: is this file made or altered, by what, and how sure can one be.

:func:`forensics.inspect` asks whether a face in a file was manipulated; :func:`forensics.audit` asks a diffusion
model whether pictures were in its training set; :func:`forensics.read_marks` looks for the marks of generators.
Importing this package loads nothing heavy until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.inspection.inspect import inspect
    from forensics.inspection.result import Inspection
    from forensics.membership.audit import audit
    from forensics.membership.known import KnownPictures
    from forensics.verdict import Verdict
    from shared.media.marks import Marks, read_marks

__all__ = ["Inspection", "KnownPictures", "Marks", "Verdict", "audit", "inspect", "read_marks"]

_HOMES = {
    "Inspection": "forensics.inspection.result",
    "KnownPictures": "forensics.membership.known",
    "Marks": "shared.media.marks",
    "Verdict": "forensics.verdict",
    "audit": "forensics.membership.audit",
    "inspect": "forensics.inspection.inspect",
    "read_marks": "shared.media.marks",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'forensics' has no attribute {name!r}")
