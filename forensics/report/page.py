"""A report is one HTML page that needs nothing else and that nothing in its content can break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from shared.custody import write_atomic


def write_page(path: str | Path, template: str, content: Mapping[str, Any]) -> Path:
    """Fill a template of this package and write the page, beside and renamed.

    Args:
        path: The file.
        template: Name of the template.
        content: All that it shows; what is missing is an error, and every text is escaped.

    Raises:
        OutputError: If the file cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("forensics.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return write_atomic(path, environment.get_template(template).render(**content))


def flat(settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return settings as rows of a table, nested ones as ``outer: inner``.

    Example:
        >>> flat({"seed": 0, "method": {"name": "drc"}})
        [('seed', '0'), ('method: name', 'drc')]
    """
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            rows += [(f"{name}: {inner}", str(item)) for inner, item in value.items()]
        else:
            rows.append((name.replace("_", " "), str(value)))
    return rows
