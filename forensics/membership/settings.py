"""The check that settings with named choices share."""

from __future__ import annotations

from collections.abc import Iterable

from shared.errors import InputError


def check_choice(setting: str, value: str, known: Iterable[str]) -> None:
    """Refuse a name that does not exist.

    Raises:
        InputError: If ``value`` is not among ``known``.

    Example:
        >>> check_choice("restorer", "magic", ("blend", "ddnm"))
        Traceback (most recent call last):
        shared.errors.InputError: no such restorer (found magic, expected blend | ddnm)
    """
    if value not in known:
        raise InputError(f"no such {setting}", found=value, expected=" | ".join(known))
