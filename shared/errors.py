"""Errors that a person can act on: what was wrong, what was found, what would be right, how to fix it.

Each class has a stable ``code`` (printed and written to run records) and an ``exit_code`` for scripts.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of every error that the toolkit raises on purpose.

    Args:
        problem: What was wrong, one sentence without a full stop.
        found: The value that was found.
        expected: What would have been right.
        fix: What the reader can do about it.

    Example:
        >>> str(InputError("the clip has no frames", found="0 frames", fix="check the file"))
        'the clip has no frames (found 0 frames); check the file'
    """

    code = "toolkit-error"
    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        found: object | None = None,
        expected: object | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.found = found
        self.expected = expected
        self.fix = fix
        facts = [
            f"found {found}" if found is not None else "",
            f"expected {expected}" if expected is not None else "",
        ]
        detail = ", ".join(fact for fact in facts if fact)
        message = f"{problem} ({detail})" if detail else problem
        super().__init__(f"{message}; {fix}" if fix else message)


class InputError(ToolkitError):
    """A file or value from the user cannot be used."""

    code = "bad-input"
    exit_code = 2


class FaceNotFound(ToolkitError):
    """No usable face where one is needed."""

    code = "face-not-found"
    exit_code = 3


class AudioMissing(ToolkitError):
    """The recording has no audio, or none that can be used."""

    code = "audio-missing"
    exit_code = 4


class WeightsError(ToolkitError):
    """A checkpoint is missing, of the wrong kind, or its hash differs."""

    code = "weights-error"
    exit_code = 5


class NotTrained(ToolkitError):
    """The model was never trained, so it must not answer."""

    code = "not-trained"
    exit_code = 6


class OutputError(ToolkitError):
    """The result cannot be written where it was asked for."""

    code = "output-error"
    exit_code = 7


class LimitExceeded(ToolkitError):
    """The input is larger than the bounds that keep memory and time safe."""

    code = "limit-exceeded"
    exit_code = 8


class MissingExtra(ToolkitError):
    """An optional package is needed and not installed."""

    code = "missing-extra"
    exit_code = 9
