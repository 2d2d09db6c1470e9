"""The finished pictures of a run in a JSON-lines file, so that an interrupted run continues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from shared.beside import writing
from shared.custody import write_atomic
from shared.errors import InputError

Finished = tuple[float, float]
"""The score of a picture, and its U-Net evaluations."""


class ForeignScores(InputError):
    """Finished scores belong to another run."""


class ScoreCache:
    """One JSON object a line; the first line names the run, so that scores of two runs never mix.

    Args:
        path: The file of a single process; further processes write beside it (``scores.jsonl.1``).
        run_key: Hash of everything that decides the scores.
        rank: Which process this is.
    """

    def __init__(self, path: Path, run_key: str, rank: int = 0) -> None:
        self._whole = path
        self._own = path.with_name(f"{path.name}.{rank}") if rank else path
        self._run_key = run_key

    def read(self) -> dict[str, Finished]:
        """Return picture key -> what all processes of earlier runs found.

        Raises:
            InputError: If the file is damaged.
            ForeignScores: If it belongs to another run.
        """
        beside = sorted(self._whole.parent.glob(f"{self._whole.name}.[0-9]*"))
        done: dict[str, Finished] = {}
        for path in [self._whole, *beside]:
            if path.is_file():
                done.update(self._rows(path))
        return done

    def append(self, rows: Mapping[str, Finished]) -> None:
        """Add finished pictures; an interruption loses the last batch at most."""
        if not self._own.is_file():
            write_atomic(self._own, json.dumps({"run": self._run_key}) + "\n")
        with writing(self._own), self._own.open("a", encoding="utf-8") as stream:
            stream.writelines(
                json.dumps({"key": key, "value": value, "calls": calls}) + "\n"
                for key, (value, calls) in rows.items()
            )

    def _rows(self, path: Path) -> dict[str, Finished]:
        lines = path.read_text("utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            # cut off in the middle of a line, which the next one must not continue
            lines.pop()
            if path == self._own:
                write_atomic(path, "".join(lines))
        try:
            head, *rows = [json.loads(line) for line in lines]
            belongs = head["run"] == self._run_key
            found = {row["key"]: (float(row["value"]), float(row["calls"])) for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is no list of scores", found=error, fix="choose another cache file"
            ) from error
        if not belongs:
            raise ForeignScores(
                f"{path} belongs to another run",
                found="another attack, settings, model or seed",
                fix="choose another cache file, or delete this one",
            )
        return found
