"""Making clips: speech, motion, pictures and truth of one plan, written into the corpus's folder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from shared.custody import write_atomic
from shared.data.clip import Clip, Truth
from shared.data.marionette.eyes import add_eyes
from shared.data.marionette.heads import HeadStyle, Movement, exercise, head_style_of, speaking
from shared.data.marionette.lips import LipStyle, mouth_curves, style_of, visemes_of
from shared.data.marionette.listening import cues_of, listening
from shared.data.marionette.plan import ClipPlan, PersonPlan, SpeechPlan, rng_of
from shared.data.marionette.profiles import Profile
from shared.data.marionette.recordings import LICENCES
from shared.data.marionette.voices import RATE, Speakers, Utterance, joined
from shared.face.camera import Camera
from shared.face.head_model import HeadModel
from shared.media.audio import write_audio
from shared.media.video_writer import VideoWriter
from shared.motion import Motion

if TYPE_CHECKING:
    from shared.data.marionette.stage import Stage

FPS = Fraction(25)
LICENCE = "CC0-1.0"
_SAMPLES_PER_FRAME = int(RATE / FPS)
_FADE = 320
_REST = np.array([0.0, -0.035, -0.76], np.float32)
"""Where a head without pictures rests: about as large in the frame as rendered ones, metres."""


@dataclass(frozen=True)
class Workshop:
    """What every clip of a corpus is made with.

    Attributes:
        profile: Sizes.
        root: The corpus's folder.
        seed: Of the corpus.
        speakers: The synthesisers.
        looks: Folder of MakeHuman's looks, or None.
    """

    profile: Profile
    root: Path
    seed: int
    speakers: Speakers
    looks: Path | None = None


@dataclass(frozen=True)
class _Styles:
    lips: LipStyle
    head: HeadStyle


def speech_of(shop: Workshop, plan: SpeechPlan) -> Utterance:
    """Say what is planned."""
    said = [shop.speakers.say(sentence.text, plan.voice) for sentence in plan.sentences]
    return said[0] if len(said) == 1 else joined(said)


def fit_to_frames(utterance: Utterance, most: int) -> tuple[NDArray[np.float32], int]:
    """Return samples that last a whole number of frames, and that number.

    Speech longer than ``most`` frames is cut with a short fade; else silence is added.

    Example:
        >>> said = Utterance(np.zeros(1000, np.float32), "v", "a", "en", ())
        >>> [len(fit_to_frames(said, 9)[0]), fit_to_frames(said, 9)[1]]
        [1280, 2]
    """
    frames = min(most, -(-len(utterance.samples) // _SAMPLES_PER_FRAME))
    count = frames * _SAMPLES_PER_FRAME
    samples = np.zeros(count, np.float32)
    kept = min(count, len(utterance.samples))
    samples[:kept] = utterance.samples[:kept]
    if kept < len(utterance.samples):
        samples[-_FADE:] *= np.linspace(1, 0, _FADE, dtype=np.float32)
    return samples, frames


def _styles_of(shop: Workshop, person: str, identity: NDArray[np.float32]) -> _Styles:
    """Return how a person articulates and moves: the same in all of the person's clips."""
    return _Styles(
        style_of(identity, rng_of(shop.seed, person, "lips")),
        head_style_of(identity, rng_of(shop.seed, person, "head")),
    )


@dataclass(frozen=True)
class _Performance:
    """What happens in a clip: movement (T), samples, visemes and facts where there is speech."""

    movement: Movement
    samples: NDArray[np.float32] | None = None
    visemes: NDArray[np.int8] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


def _perform(shop: Workshop, plan: ClipPlan, styles: _Styles, longest: int) -> _Performance:
    """Work out a clip's movement from its plan."""
    rng = rng_of(shop.seed, plan.id, "motion")
    if plan.speech is None:
        return _Performance(exercise(rng, shop.profile.exercise_frames))
    utterance = speech_of(shop, plan.speech)
    samples, frames = fit_to_frames(utterance, longest)
    if plan.kind == "listening":
        heard = listening(rng, styles.head, plan.attitude, cues_of(samples), frames, FPS)
        face = add_eyes(heard.expression, rng, FPS, liveliness=0.0)
        return _Performance(Movement(heard.rotation, heard.translation, face))
    mouth = mouth_curves(utterance.phones, samples, styles.lips, frames, FPS)
    face = add_eyes(mouth, rng, FPS, utterance.phones, liveliness=float(rng.uniform(0.1, 0.8)))
    moved = speaking(rng, styles.head, utterance.phones, samples, frames, FPS)
    labels = visemes_of(utterance.phones, frames, FPS)
    movement = Movement(moved.rotation, moved.translation, face)
    facts = _said(utterance, styles.lips, float(frames / FPS))
    return _Performance(movement, samples, labels, facts)


def _said(utterance: Utterance, style: LipStyle, end: float) -> dict[str, object]:
    """Return what is known of speech beside its frames: its phones, and how the person speaks."""
    phones = [
        [phone.name, round(phone.start, 3), round(min(phone.end, end), 3)]
        for phone in utterance.phones
        if phone.start < end
    ]
    return {"phones": phones, "lips": {k: round(v, 4) for k, v in asdict(style).items()}}


def make_voice_clip(shop: Workshop, plan: ClipPlan) -> Clip:
    """Write a clip without pictures: sound (of speakers) and truth of a head that has no look."""
    if plan.speech is not None and not all(s.text for s in plan.speech.sentences):
        return _make_sound_only(shop, plan, plan.speech)
    model = HeadModel.load()
    drawn = rng_of(shop.seed, plan.person, "identity").standard_normal(model.identities)
    identity = np.asarray(np.clip(drawn, -2, 2), np.float32)
    styles = _styles_of(shop, plan.person, identity)
    performance = _perform(shop, plan, styles, longest=10_000)
    moved = performance.movement
    motion = Motion(moved.rotation, moved.translation + _REST, moved.expression, FPS)
    camera = Camera.of_crop(shop.profile.size)
    points = model.points("68", identity, motion.expression)
    landmarks = HeadModel.project(points, motion.rotation, motion.translation, camera)
    truth = Truth(
        motion,
        identity,
        _camera_row(camera),
        _rounded(landmarks, shop.profile.landmark_step),
        performance.visemes,
    )
    sound = _write_sound(shop, plan, performance)
    truth.save(shop.root / f"clips/{plan.id}.npz")
    return _row(shop, plan, len(motion), sound=sound, facts=performance.facts)


def _make_sound_only(shop: Workshop, plan: ClipPlan, speech: SpeechPlan) -> Clip:
    """Write a recording of which nobody knows what is said when: there is no truth of it."""
    samples, frames = fit_to_frames(speech_of(shop, speech), most=10_000)
    performance = _Performance(exercise(rng_of(shop.seed), 0), samples)
    sound = _write_sound(shop, plan, performance)
    return replace(_row(shop, plan, frames, sound=sound), truth="")


def make_person(shop: Workshop, person: PersonPlan) -> Iterator[tuple[ClipPlan, Clip | Exception]]:
    """Render all clips of a person on one stage; a clip that fails is given with its reason."""
    from shared.data.marionette.people import sample_person
    from shared.data.marionette.scene import sample_scene
    from shared.data.marionette.stage import Stage

    looks = sample_person(person.seed, shop.looks)
    scene = sample_scene(int(rng_of(shop.seed, person.id, "scene").integers(1 << 30)))
    with Stage(
        looks,
        scene,
        size=shop.profile.size,
        supersample=shop.profile.supersample,
        looks=shop.looks,
    ) as stage:
        styles = _styles_of(shop, person.id, stage.identity)
        for plan in person.clips:
            try:
                yield plan, _film(shop, plan, styles, stage, looks.caption)
            except Exception as error:  # one bad clip must not stop the rest: it is written down
                yield plan, error


def _film(shop: Workshop, plan: ClipPlan, styles: _Styles, stage: Stage, caption: str) -> Clip:
    """Render one clip and write its files."""
    profile = shop.profile
    speaks = plan.kind == "speaking"
    longest = profile.speaking_frames if speaks else profile.listening_frames
    performance = _perform(shop, plan, styles, longest)
    moved = performance.movement
    translation = (moved.translation + stage.rest_translation).astype(np.float32)
    motion = Motion(moved.rotation, translation, moved.expression, FPS)
    landmarks, regions = [], []
    size = (profile.size, profile.size)
    with VideoWriter(shop.root / f"clips/{plan.id}.mp4", FPS, size, crf=profile.crf) as video:
        for rotation, place, face in zip(
            motion.rotation, motion.translation, motion.expression, strict=True
        ):
            shot = stage.render(rotation, place, face)
            video.write(shot.image)
            landmarks.append(shot.landmarks68)
            regions.append(shot.regions)
    truth = Truth(
        motion,
        stage.identity,
        _camera_row(stage.camera),
        _rounded(np.stack(landmarks), profile.landmark_step),
        performance.visemes,
        np.stack(regions) if profile.regions else None,
    )
    sound = _write_sound(shop, plan, performance)
    truth.save(shop.root / f"clips/{plan.id}.npz")
    facts = {"caption": caption, **performance.facts}
    return _row(shop, plan, len(motion), sound=sound, filmed=True, facts=facts)


def _camera_row(camera: Camera) -> NDArray[np.float32]:
    return np.asarray([camera.focal, *camera.center], np.float32)


def _rounded(landmarks: NDArray[np.floating], step: float) -> NDArray[np.float32]:
    return np.asarray(np.round(landmarks / step) * step, np.float32)


def _write_sound(shop: Workshop, plan: ClipPlan, performance: _Performance) -> str:
    if performance.samples is None:
        return ""
    name = f"clips/{plan.id}{shop.profile.sound}"
    if shop.profile.sound == ".opus":
        buffer = io.BytesIO()
        soundfile.write(buffer, performance.samples, RATE, format="OGG", subtype="OPUS")
        write_atomic(shop.root / name, buffer.getvalue())
    else:
        write_audio(shop.root / name, performance.samples, RATE)
    return name


def _licence(plan: ClipPlan) -> str:
    voice = None if plan.speech is None else plan.speech.voice
    return LICENCES[voice.language] if voice and voice.synthesiser == "recording" else LICENCE


def _row(
    shop: Workshop,
    plan: ClipPlan,
    frames: int,
    *,
    sound: str,
    filmed: bool = False,
    facts: Mapping[str, object] | None = None,
) -> Clip:
    """Return the manifest's row of a finished clip; ``facts`` go into its ``extra``."""
    extra: dict[str, object] = dict(facts or {})
    if plan.speech is not None:
        extra["sentence"] = "+".join(sentence.id for sentence in plan.speech.sentences)
        extra["voice_base"] = plan.speech.voice.base
    if plan.kind == "listening":
        extra["attitude"] = plan.attitude
        extra["speaker_clip"] = plan.speaker_clip
    speech = plan.speech if sound else None
    size = shop.profile.size if filmed else 0
    return Clip(
        id=plan.id,
        kind=plan.kind,
        split=plan.split,
        person=plan.person,
        voice=speech.voice.name if speech else "",
        transcript=" ".join(s.text for s in speech.sentences) if speech else "",
        language=speech.voice.language if speech else "",
        video=f"clips/{plan.id}.mp4" if filmed else "",
        audio=sound,
        truth=f"clips/{plan.id}.npz",
        fps=f"{FPS.numerator}/{FPS.denominator}",
        frames=frames,
        size=(size, size),
        licence=_licence(plan),
        source=f"marionette {shop.profile.name}, seed {shop.seed}",
        extra=extra,
    )
