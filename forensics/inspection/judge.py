"""What judges a face crop in an inspection, and how one is opened without ever trusting it blindly.

An inspection asks a judge for scores and maps of face crops. A judge that is missing, broken, of another kind or
never trained is not asked at all, and the reason stands in the verdict; one without a calibration is asked, but no
answer is given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from forensics.calibration import Calibration
from forensics.calibration_error import best_fitted, reliability
from forensics.inspection.familiarity import Familiarity
from forensics.known_tracks import Tracks, calibrate_tracks, kind_from_plain, to_plain_kind
from forensics.verdict import Decision, Reason
from shared.custody import sha256_of, sha256_of_json, write_atomic
from shared.device import check_device
from shared.errors import InputError, NotTrained, WeightsError
from shared.zoo.checkpoints import CONFIG_NAME, WEIGHTS_NAME, folder_of

if TYPE_CHECKING:
    from torch import Tensor

    from forensics.focus.detector import FocusDetector

CALIBRATION_NAME = "calibration.json"
"""Beside a checkpoint's weights: frames' scores of known authentic and manipulated tracks from a validation set."""

FORM = 2
"""Of that file; the first one held the means of whole tracks, which tell nothing about a single frame."""

_ANEW = "forensics calibrate CHECKPOINT --corpus FACES"


class FaceJudge(Protocol):
    """Anything that tells manipulated face crops from authentic ones, and where."""

    name: str
    """For people and records."""
    trained: bool
    """False: its scores mean nothing, and it is not asked."""
    size: int
    """Side S of the crops that it takes, px."""
    calibration: Calibration | None
    """Known tracks' mean scores, direction ``manipulated``; None if it was never calibrated.

    One that holds ``shorter`` ones is asked for that of a track's length.
    """

    def judge(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Return scores ``(B,)``, larger = manipulated, and maps ``(B, h, w)`` in [0, 1] of ``(B, 3, S, S)``.

        A third one, ``(B,)``, may tell how unlike the known faces each crop is: above 1 there is no answer for it.
        """
        ...

    def fingerprint(self) -> dict[str, str]:
        """Return name -> SHA-256 of all that its answers depend on."""
        ...


@dataclass(frozen=True)
class Opened:
    """A judge, or the reason why there is none to ask.

    Attributes:
        judge: None if there is nothing that could be opened.
        reason: Why no answer can be given, whatever the file shows; None if answers are possible.
        problem: The reason's cause in words; empty if there is none.
    """

    judge: FaceJudge | None
    reason: Reason | None = None
    problem: str = ""

    @property
    def may_ask(self) -> bool:
        """Whether scores mean anything: it is there and trained."""
        return self.judge is not None and self.judge.trained


def open_judge(detector: str | Path | FaceJudge, *, device: str = "cpu") -> Opened:
    """Open a judge: the shipped FoCus by name, one's own by folder, or any object that is one.

    What is wrong with a checkpoint is told, not raised: the inspection goes on and is inconclusive.

    Args:
        detector: ``"focus"``, a checkpoint's folder, or a judge.
        device: Where a checkpoint runs.

    Raises:
        InputError: If there is no such device.

    Example:
        >>> open_judge("no such folder").reason
        <Reason.NO_MODEL: 'no usable model'>
    """
    judge: FaceJudge
    check_device(device)
    if isinstance(detector, str | Path):
        try:
            judge = _open_focus(detector, device)
        except NotTrained as error:
            return Opened(None, Reason.UNTRAINED, str(error))
        except (WeightsError, InputError) as error:
            return Opened(None, Reason.NO_MODEL, str(error))
    else:
        judge = detector
    if not judge.trained:
        return Opened(judge, Reason.UNTRAINED, f"{judge.name} was never trained")
    if judge.calibration is None:
        return Opened(judge, Reason.UNCALIBRATED, f"{judge.name} comes without a calibration")
    if judge.calibration.direction is not Decision.MANIPULATED:
        told = f"{judge.name} is calibrated for the answer {judge.calibration.direction}"
        return Opened(judge, Reason.NO_MODEL, told)
    return Opened(judge)


class FocusJudge:
    """FoCus as a judge.

    Args:
        detector: A trained one.
        calibration: None if there is none.
        calibration_sha256: Of the file that it came from.
        familiarity: What known faces look like; None if that was not learnt.
        configuration_sha256: Of the network's configuration, which decides its answers as the weights do.
    """

    name = "focus"
    trained = True

    def __init__(
        self,
        detector: FocusDetector,
        calibration: Calibration | None = None,
        calibration_sha256: str = "",
        familiarity: Familiarity | None = None,
        configuration_sha256: str = "",
    ) -> None:
        self.familiarity = familiarity
        self.detector = detector
        self.size = detector.network.config.image
        self.calibration = calibration
        self._further = {
            "focus configuration": configuration_sha256, "focus calibration": calibration_sha256,
        }  # fmt: skip

    def judge(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Return scores ``(B,)``, maps ``(B, h, w)`` and how unlike they are of crops ``(B, 3, S, S)`` in [0, 1]."""
        import torch

        frames = (crops * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
        found = self.detector.detect(frames, batch_size=len(frames))
        if found.maps is None:
            raise WeightsError("this FoCus has no maps", fix="give another checkpoint")
        answers = torch.from_numpy(found.scores), torch.from_numpy(found.maps)
        if self.familiarity is None or found.features is None:
            return answers
        return *answers, torch.from_numpy(self.familiarity.unlike(found.features))

    def fingerprint(self) -> dict[str, str]:
        """Return the hashes of the weights, the configuration and the calibration."""
        further = {name: sha256 for name, sha256 in self._further.items() if sha256}
        return {"focus": self.detector.sha256, **further}


def write_calibration(
    folder: str | Path,
    manipulated: Tracks,
    authentic: Tracks,
    error_rate: float,
    familiarity: Familiarity | None = None,
) -> Path:
    """Write known tracks' scores beside a checkpoint's weights, where :func:`open_judge` finds them.

    Platt's curve or isotonic steps turn means into probabilities, whichever errs less on people that are held out.

    Args:
        folder: The checkpoint's.
        manipulated: Validation tracks that are manipulated, a list for each kind of footage and of forgery.
        authentic: Validation tracks that are authentic, a list for each kind of footage.
        error_rate: Allowed share of wrong answers in either class of any kind.
        familiarity: What known faces look like.

    Raises:
        InputError: If they cannot calibrate anything.
        OutputError: If the file cannot be written.
    """
    fitted = best_fitted(calibrate_tracks(manipulated, authentic, error_rate=error_rate))
    content = {
        "form": FORM, "manipulated": [to_plain_kind(kind) for kind in manipulated],
        "authentic": [to_plain_kind(kind) for kind in authentic], "error_rate": error_rate,
        "method": fitted.method, "held_out": reliability(fitted).held_out, **_made_for(Path(folder)),
        "familiar": familiarity.to_json() if familiarity else None,
    }  # fmt: skip
    return write_atomic(
        Path(folder) / CALIBRATION_NAME, json.dumps(content, separators=(",", ":")) + "\n"
    )


def read_calibration(folder: str | Path) -> Calibration | None:
    """Return the calibration that lies beside a checkpoint's weights, or None.

    Raises:
        WeightsError: If it is there and cannot be used: of an older form, or made for another network.
    """
    path = Path(folder) / CALIBRATION_NAME
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text("utf-8"))
        if held.get("form") != FORM:
            raise WeightsError(
                f"{path} is of an older form", found=held.get("form", 1), expected=FORM, fix=_ANEW
            )
        for part, found in _made_for(path.parent).items():
            if held[part] != found:
                raise WeightsError(
                    f"{path} was made for {_OTHER[part]}", found=held[part][:16],
                    expected=found[:16], fix=_ANEW,
                )  # fmt: skip
        kinds = (
            [kind_from_plain(kind) for kind in held[name]] for name in ("manipulated", "authentic")
        )
        return calibrate_tracks(*kinds, error_rate=held["error_rate"], method=held["method"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise WeightsError(f"{path} is no calibration", found=error, fix=_ANEW) from error


_OTHER = {"weights": "other weights", "configuration": "another configuration of the network"}


def _made_for(folder: Path) -> dict[str, str]:
    """Return the hashes of what scores depend on in a checkpoint's folder; empty for what is not there."""
    weights = folder / WEIGHTS_NAME
    return {
        "weights": sha256_of(weights) if weights.is_file() else "",
        "configuration": _configuration_of(folder),
    }


def _configuration_of(folder: Path) -> str:
    """Return the hash of what builds the network, whatever else stands beside it in the file."""
    path = folder / CONFIG_NAME
    if not path.is_file():
        return ""
    return sha256_of_json(json.loads(path.read_text("utf-8")).get("config"))


def read_familiarity(folder: str | Path) -> Familiarity | None:
    """Return what known faces look like, as it stands beside the calibration, or None.

    Raises:
        WeightsError: If it is there and cannot be used.
    """
    path = Path(folder) / CALIBRATION_NAME
    held = json.loads(path.read_text("utf-8")).get("familiar")
    try:
        return Familiarity.from_json(held) if held else None
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path} does not tell what known faces look like",
            found=error,
            fix=_ANEW,
        ) from error


def _open_focus(name_or_dir: str | Path, device: str) -> FocusJudge:
    folder = folder_of(
        name_or_dir
    )  # before anything heavy is loaded: what is missing is told at once
    from forensics.focus.detector import FocusDetector

    detector = FocusDetector.from_pretrained(name_or_dir, device)
    calibration = read_calibration(folder)
    sha256 = sha256_of(folder / CALIBRATION_NAME) if calibration else ""
    familiarity = read_familiarity(folder) if calibration else None
    return FocusJudge(detector, calibration, sha256, familiarity, _configuration_of(folder))
