"""Where networks run, checked before anything is loaded."""

from __future__ import annotations

from shared.errors import InputError


def check_device(name: str) -> None:
    """Refuse a device that cannot be used here.

    Args:
        name: As torch names it: ``cpu``, ``cuda``, ``cuda:1``.

    Raises:
        InputError: If there is none of that name.

    Example:
        >>> check_device("cpu")
    """
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            "this device cannot be used", found=f"{name}: {told}", expected="cpu | cuda | cuda:N"
        ) from error
