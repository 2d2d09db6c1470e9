"""Profiles: how large a corpus is, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import InputError


@dataclass(frozen=True)
class Profile:
    """The size of a corpus.

    Attributes:
        name: As on the command line.
        people: Rendered identities.
        size: Side of the frames, px.
        supersample: Rendered pixels a side for each one kept.
        crf: H.264 quality; lower is better.
        speaking_clips: Of each person.
        speaking_frames: The most that a speaking clip has; longer speech is cut.
        listening_clips: Of each person.
        listening_frames: The most that a listening clip has.
        exercise_frames: Of each person's exercise clip; 0 for none.
        longest_text: Characters; rendered people say no longer sentences.
        sound: Extension of the audio files: ``.flac`` (exact), ``.ogg`` or ``.opus`` (smallest).
        regions: Whether the truth holds the labels of face parts.
        landmark_step: Landmarks are rounded to this many px.
        voice_sentences: Sentences that each quick voice says in audio-only clips, by split; 0 for
            no audio-only clips, more than there are for all.
        slow_voice_sentences: The same for voices that cost much to run.
        turns: Audio-only clips of three sentences, each with three motion-only listeners.
        recordings: Of real people, in each of five languages, for testing alone.
        babble: Sentences of made-up words for training, each said by two quick voices.
    """

    name: str
    people: int
    size: int = 160
    supersample: int = 2
    crf: int = 16
    speaking_clips: int = 1
    speaking_frames: int = 60
    listening_clips: int = 1
    listening_frames: int = 44
    exercise_frames: int = 48
    longest_text: int = 41
    sound: str = ".flac"
    regions: bool = True
    landmark_step: float = 0.0625
    voice_sentences: int = 0
    slow_voice_sentences: int = 0
    turns: int = 0
    recordings: int = 0
    babble: int = 0


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            people=2,
            size=128,
            supersample=1,
            speaking_frames=24,
            listening_frames=16,
            exercise_frames=6,
        ),
        Profile(
            "cpu",
            people=150,
            speaking_frames=56,
            listening_frames=40,
            exercise_frames=28,
            longest_text=38,
        ),
        Profile(
            "gpu",
            people=600,
            size=128,
            crf=30,
            speaking_frames=40,
            listening_frames=32,
            exercise_frames=10,
            longest_text=38,
            sound=".opus",
            regions=False,
            landmark_step=0.5,
        ),
        Profile(
            "footage",
            people=160,
            size=256,
            crf=14,
            speaking_clips=2,
            speaking_frames=32,
            listening_clips=0,
            exercise_frames=24,
            longest_text=38,
            regions=False,
        ),
        Profile(
            "voice",
            people=0,
            voice_sentences=1000,
            slow_voice_sentences=18,
            turns=240,
            recordings=24,
            babble=700,
        ),
        Profile(
            "sample",
            people=4,
            size=128,
            crf=20,
            speaking_frames=54,
            listening_frames=40,
            exercise_frames=12,
            sound=".ogg",
            voice_sentences=1,
        ),
    )
}
"""``smoke`` for tests, ``cpu`` and ``gpu`` for training, ``footage`` to be forged (a forgery's seams are lost in small
faces), ``voice`` for audio alone, ``sample`` for the pack in the repository."""


def profile_of(name: str) -> Profile:
    """Return a profile.

    Raises:
        InputError: If there is none of this name.

    Example:
        >>> profile_of("cpu").size
        160
    """
    if name not in PROFILES:
        raise InputError("unknown corpus profile", found=name, expected=" | ".join(PROFILES))
    return PROFILES[name]
