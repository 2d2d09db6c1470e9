"""Puts a finished, calibrated and measured FoCus into the box, with its card.

python -m benchmarks.forensics.shipping runs/focus/checkpoint --record benchmarks/records/forensics_shipped.json
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from benchmarks.tables import cells
from forensics.calibration_error import reliability
from forensics.inspection.judge import CALIBRATION_NAME, read_calibration
from shared.custody import write_atomic
from shared.errors import InputError, LimitExceeded
from shared.zoo.checkpoints import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME, ZOO, register_checkpoint

NAME = "focus"
LARGEST = 6_000_000
"""Bytes that the weights may take."""

_CARD = """# FoCus, profile `cpu`

Tells whether a face is forged and draws where; learnt from labels of whole pictures alone. Method:
`forensics/focus/README.md`.

- **Trained on** the embedded forgery corpus: {data} Rendered people (MakeHuman CC0; no real person), forged by six
  families, through a delivery chain. {training}
- **Calibrated on** the frames' scores of {manipulated} manipulated and {authentic} authentic validation clips of
  {people} people that it did not learn from, error rate {rate:.0%} for either class, in each kind of footage (c23, c40)
  and each family of forgeries. Photographs and short tracks are compared with means of as few frames. Probabilities:
  {method}, expected calibration error {error:.3f} (five folds of people). Faces whose features lie beyond those of the
  validation faces get no answer.
- **Size**: {parameters:.2f} M parameters, half precision, {megabytes:.1f} MB.
- **Measured** on test people (`benchmarks forensics CORPUS --section shipped`):

| figure | value | 95 % interval |
|---|---|---|
{figures}

- **Limits**: its people are rendered, its forgeries are the six families of this toolkit, its clips 180 to 256 px wide.
  On real photographs it is not reliable, and mostly says so (`benchmarks/claims/focus_photos.py`, docs/results.md).
  "Authentic" means that no trace of these families was found. Not for decisions about people.
- **Licence**: Apache-2.0.
"""


def ship(checkpoint: Path, record: Path, data: str, training: str, zoo: Path = ZOO) -> Path:
    """Copy a checkpoint into the zoo, write its card from a run record, and register its hash.

    Args:
        checkpoint: Folder with weights, configuration and calibration.
        record: Of the section ``shipped``, about these weights.
        data: Sentences on the corpus.
        training: Sentences on the training.
        zoo: Where ``weights/`` and ``registry.json`` lie.

    Raises:
        InputError: If there is no calibration, or the record is about other weights.
        LimitExceeded: If the weights are too large to ship.
    """
    facts: dict[str, Any] = json.loads((checkpoint / CONFIG_NAME).read_text("utf-8"))
    told: dict[str, Any] = json.loads(record.read_text("utf-8"))
    calibration, size = read_calibration(checkpoint), (checkpoint / WEIGHTS_NAME).stat().st_size
    if calibration is None:
        raise InputError(
            "it is not calibrated", fix="forensics calibrate CHECKPOINT --corpus FACES"
        )
    if told["weights"].get(NAME) != facts["sha256"]:
        raise InputError("the record is about other weights", found=told["weights"].get(NAME))
    if size > LARGEST:
        raise LimitExceeded("the weights are too large", found=size, expected=f"<= {LARGEST}")
    people = {name for side in calibration.people or () for shown in side for name in shown}
    rows = [cells(one) for one in told["result"]["rows"]]
    lines = [f"| {one['figure']} | {one['value']} | {one.get('interval', '')} |" for one in rows]
    card = _CARD.format(
        data=data, training=training, manipulated=len(calibration.positives),
        authentic=len(calibration.negatives), people=len(people), method=calibration.method,
        error=reliability(calibration).error, rate=calibration.error_rate,
        parameters=numbers_in(checkpoint / WEIGHTS_NAME) / 1e6,
        megabytes=size / 1e6, figures="\n".join(lines),
    )  # fmt: skip
    folder = zoo / "weights" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS_NAME, CONFIG_NAME, CALIBRATION_NAME):
        shutil.copyfile(checkpoint / name, folder / name)
    write_atomic(folder / CARD_NAME, card)
    register_checkpoint(NAME, zoo=zoo)
    return folder


def numbers_in(weights: Path) -> int:
    """Return how many numbers a file of weights holds."""
    with safe_open(str(weights), "np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forensics.shipping")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--data", required=True, help="sentences on the corpus")
    parser.add_argument("--training", required=True, help="sentences on the training")
    chosen = parser.parse_args(arguments)
    ship(chosen.checkpoint, chosen.record, chosen.data, chosen.training)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
