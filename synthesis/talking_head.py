"""One photo and a recording become a talking head: the one call, and what it hands back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.custody import RunRecord, to_plain
from shared.errors import AudioMissing, InputError, LimitExceeded, OutputError
from shared.face.detector import Which
from shared.media.audio import audio_duration, is_silent, stream_audio
from shared.media.video import VideoWriter
from shared.motion import MOUTH_UNITS, UNIT, Motion
from synthesis.opt.generator import OptDriver
from synthesis.opt.pose import SMOOTHING, slider_pose
from synthesis.pose import pose_from_file, pose_from_video
from synthesis.provenance import comment_of, is_record, marked, record_path
from synthesis.renderer.generator import Renderer
from synthesis.source import read_source

Progress = Callable[[int, int], None]
METHODS: dict[str, type[OptDriver]] = {"opt": OptDriver}
"""Method name -> the class that turns a recording into Motion."""

DEFAULT_POSE = Path(__file__).parent / "samples" / "pose.npz"
"""Gentle head motion of a rendered speaker, for when no pose is given."""

SHORTEST = 0.1
"""Seconds; a shorter recording holds no speech."""

OPENING_UNITS = (
    "jawOpen", "mouthFunnel", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthShrugUpper", "tongueOut",
)  # fmt: skip
"""Units that part the lips."""

LISTEN_RATE, OUTPUT_RATE = 16_000, 48_000
"""Samples a second that the driver hears, and that the video gets."""


@dataclass(frozen=True)
class TalkOptions:
    """Everything about a talking head that is not a file.

    Attributes:
        method: One of :data:`METHODS`.
        face: Which face of a group: ``"largest"``, a number from the largest on, or a point (x, y) px.
        still: Keep the photo's own pose.
        angles: A fixed pose, (pitch, yaw, roll) in degrees, instead of the photo's own.
        pose_mode: ``"relative"``: the reference's changes are added to the photo's pose; ``"absolute"``: taken over.
        pose_gain: Size of the head motion, 1 as in the reference.
        mouth_gain: Size of the mouth motion, 1 as predicted.
        blinks: Blink now and then.
        size: ``"native"`` for the photo with the face in it, or 256 or 512 for the square face crop.
        fps: Frames a second; a rounded one (29.97003) is taken for the fraction that it stands for.
        seed: Decides the blinks.
        max_minutes: Longer recordings are refused.
    """

    method: str = "opt"
    face: Which = "largest"
    still: bool = False
    angles: tuple[float, float, float] | None = None
    pose_mode: Literal["relative", "absolute"] = "relative"
    pose_gain: float = 1.0
    mouth_gain: float = 1.0
    blinks: bool = True
    size: Literal["native"] | int = "native"
    fps: Fraction = Fraction(25)
    seed: int = 0
    max_minutes: float = 60.0

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if self.method not in METHODS:
            raise InputError("unknown method", found=self.method, expected=" | ".join(METHODS))
        if self.size != "native" and self.size not in (256, 512):
            raise InputError("unknown size", found=self.size, expected="native | 256 | 512")
        for name in ("pose_gain", "mouth_gain"):
            if not 0 <= getattr(self, name) <= 3:
                raise InputError(
                    f"{name} is out of range", found=getattr(self, name), expected="0 to 3"
                )
        if not 1 <= self.fps <= 120:
            raise InputError("fps is out of range", found=self.fps, expected="1 to 120")
        object.__setattr__(self, "fps", Fraction(self.fps).limit_denominator(1001))
        if self.seed < 0:
            raise InputError("the seed is negative", found=self.seed, expected="0 or more")


@dataclass(frozen=True)
class TalkResult:
    """A finished talking head.

    Attributes:
        video: The file.
        record: Its run record.
        frames: Number of frames, ``round(audio seconds x fps)``.
        fps: Frames a second.
        notes: What the user should know (held frames, clamped angles).
    """

    video: Path
    record: Path
    frames: int
    fps: Fraction
    notes: list[str] = field(default_factory=list)


def talk(
    photo: str | Path,
    audio: str | Path,
    out: str | Path = "talk.mp4",
    *,
    pose_video: str | Path | None = None,
    pose: str | Path | Motion | None = None,
    renderer: str | Path | Renderer = "renderer",
    weights: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> TalkResult:
    """Make the person in a photo say what a recording says.

    Args:
        photo: A picture with a face.
        audio: A recording, any format; a video's sound will do.
        out: Where the ``.mp4`` goes; the run record lies beside it as ``.json``.
        pose_video: Whose head motion is taken over.
        pose: A Motion file, or a Motion, instead of a video.
        renderer: A shipped renderer's name, a checkpoint folder, or a loaded one (for many photos).
        weights: Checkpoint of the method; the shipped one by default.
        progress: Called with (frames done, frames).
        **options: Attributes of :class:`TalkOptions`.

    Returns:
        Where the video and its record are.

    Raises:
        InputError: For a file or an option that cannot be used.
        FaceNotFound: If the photo, or the whole pose video, shows no usable face.
        AudioMissing: If the recording has no sound track.
        LimitExceeded: If the recording or the photo is too large.
        OutputError: If the result cannot be written.
    """
    choice = TalkOptions(**options)
    target = check_target(out, [one for one in (photo, audio, pose_video, pose) if one is not None])
    record = RunRecord("synthesis.talk", settings=to_plain(choice))
    for name, path in (
        ("photo", photo),
        ("audio", audio),
        ("pose_video", pose_video),
        ("pose", pose),
    ):
        if isinstance(path, str | Path):
            record.add_input(name, path)
    count = round(check_length(audio, choice.max_minutes) * choice.fps)
    if count == 0:
        raise InputError(
            "the recording is shorter than half a frame", found=f"{choice.fps} fps",
            fix="raise --fps, or give a longer recording",
        )  # fmt: skip
    source = read_source(photo, choice.face)
    reference, notes = reference_pose(choice, pose_video, pose, count)
    with tempfile.TemporaryDirectory() as spool:
        samples = spooled(stream_audio(audio, rate=LISTEN_RATE), Path(spool) / "samples.f32")
        driver = METHODS[choice.method].from_pretrained(weights or choice.method)
        painter = renderer if isinstance(renderer, Renderer) else Renderer.from_pretrained(renderer)
        record.weights = {choice.method: driver.sha256, "renderer": painter.sha256}
        own = source.motion
        turned = own.rotation[0] if choice.angles is None else slider_pose(*choice.angles)
        drive = driver.drive(
            samples, source.identity, at_rest(own.expression[0]), turned, own.translation[0],
            pose=reference, mode=choice.pose_mode, pose_gain=choice.pose_gain, gain=choice.mouth_gain,
            fps=choice.fps, blinks=choice.blinks, generator=np.random.default_rng(choice.seed),
        )  # fmt: skip
        record.notes += [*notes, *drive.notes]
        record.result = {"frames": len(drive.motion), "audio_seconds": len(samples) / LISTEN_RATE}
        size = None if choice.size == "native" else int(choice.size)
        frames = marked(painter.frames(source, drive.motion, size=size))
        sound = (stream_audio(audio, rate=OUTPUT_RATE), OUTPUT_RATE)
        write_video(target, frames, sound, choice, record, len(drive.motion), progress)
    path = record.write(record_path(target))
    return TalkResult(target, path, len(drive.motion), choice.fps, record.notes)


def check_target(out: str | Path, inputs: Sequence[str | Path | Motion] = ()) -> Path:
    """Return the output path, or say why nothing can be written there.

    Args:
        out: Where the video is to go; its run record goes beside it.
        inputs: What it is made of.

    Raises:
        OutputError: If it is no ``.mp4``, its folder is missing or cannot be written, it is one of the inputs, or a
            file that is no run record lies in the record's place.
    """
    target = Path(out)
    if target.suffix.lower() != ".mp4":
        raise OutputError(
            "the output must be an .mp4", found=target.name, fix=f"name it {target.stem}.mp4"
        )
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"the folder {target.parent} cannot be written",
            found=error.strerror,
            fix="choose another folder",
        ) from error
    for one in inputs:
        if not isinstance(one, Motion) and _same(one, target):
            raise OutputError(
                "the output would replace an input", found=target, fix="choose another name"
            )
    record = record_path(target)
    if record.exists() and not is_record(record):
        raise OutputError(
            f"the run record would replace {record}", found="a file of another kind",
            fix="choose another name for the video",
        )  # fmt: skip
    return target


def _same(one: str | Path, other: Path) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def check_length(audio: str | Path, max_minutes: float) -> float:
    """Return the recording's length in seconds: as its header tells, or decoded where headers are often wrong.

    Raises:
        InputError: If it is too short to hold speech.
        LimitExceeded: If it is longer than the limit.
    """
    seconds = float(audio_duration(audio))
    if seconds < SHORTEST:
        raise InputError(
            "the recording is too short",
            found=f"{seconds:.2f} s",
            expected=f"at least {SHORTEST} s",
        )
    if seconds > max_minutes * 60:
        raise LimitExceeded(
            "the recording is too long", found=f"{seconds / 60:.1f} min", expected=f"at most {max_minutes:g} min",
            fix="raise the limit with --max-minutes; memory stays bounded, time does not",
        )  # fmt: skip
    return seconds


def reference_pose(
    choice: TalkOptions,
    pose_video: str | Path | None,
    pose: str | Path | Motion | None,
    most: int | None = None,
) -> tuple[Motion | None, list[str]]:
    """Return the motion whose pose is taken over (None keeps the photo's own) and notes about it.

    Args:
        choice: The options.
        pose_video: Whose head motion is taken over.
        pose: A Motion, or its file.
        most: Frames that are needed; no more are made.

    Raises:
        InputError: If more than one pose is asked for.
    """
    asked = [pose_video is not None, pose is not None, choice.still, choice.angles is not None]
    if sum(asked) > 1:
        raise InputError(
            "more than one pose is asked for",
            fix="give a pose video, a pose file, angles, or still",
        )
    if choice.still or choice.angles is not None:
        return None, []
    if isinstance(pose, Motion):
        return pose, []
    if pose_video is None:
        # the last frames are smoothed with those that follow them
        enough = None if most is None else most + SMOOTHING
        return pose_from_file(pose or DEFAULT_POSE, choice.fps, most=enough).motion, []
    reference = pose_from_video(pose_video, choice.fps, most=most)
    held = reference.held
    notes = [f"pose held in {len(held)} frames without a face: {_ranges(held)}"] if held else []
    return reference.motion, notes


def at_rest(expression: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how a face looks between words: lips that a photo's smile holds open are closed, the smile is halved.

    Args:
        expression: ``(52,)`` of the photo.

    Returns:
        ``(52,)``; eyes and brows as in the photo.
    """
    rest = expression.copy()
    rest[list(MOUTH_UNITS)] *= 0.5
    rest[[UNIT[name] for name in OPENING_UNITS]] = 0
    return rest


def spooled(blocks: Iterable[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    """Write blocks of samples to a file and return it as an array that stays on disk.

    Raises:
        AudioMissing: If nothing can be heard.
        OutputError: If the temporary folder is full.
    """
    silent = True
    for block in blocks:
        silent = silent and is_silent(block)
        try:
            with path.open("ab") as stream:
                stream.write(np.ascontiguousarray(block, np.float32).tobytes())
        except OSError as error:
            raise OutputError(
                "the folder for temporary files cannot hold the recording", found=error.strerror,
                fix="free some space, or point TMPDIR at another disk",
            ) from error  # fmt: skip
    if silent:
        raise AudioMissing(
            "the recording is silent", expected="speech", fix="check the file and its level"
        )
    return np.memmap(path, np.float32, mode="r")


def write_video(
    target: Path,
    frames: Iterable[NDArray[np.uint8]],
    sound: tuple[Iterable[NDArray[np.float32]], int],
    choice: TalkOptions,
    record: RunRecord,
    count: int,
    progress: Progress | None,
) -> None:
    """Stream frames and sound into the file; nothing is left behind if that fails."""
    stream = iter(frames)
    first = next(stream)
    size = (first.shape[1], first.shape[0])
    with VideoWriter(
        target, choice.fps, size, audio=sound, comment=comment_of(record, choice.method)
    ) as writer:
        writer.write(first)
        for number, frame in enumerate(stream, 2):
            writer.write(frame)
            if progress:
                progress(number, count)


def _ranges(numbers: list[int]) -> str:
    """Write frame numbers as ranges.

    Example:
        >>> _ranges([3, 4, 5, 9])
        '3-5, 9'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)
