"""Building Marionette: ``python -m shared.data.marionette.corpus --profile cpu --out corpus/cpu``.

Data flow::

    profile, seed ── plan: people and audio-only clips
                        │
    1  slow speech into the cache, each sentence once
    2  audio-only clips           ┐  over worker processes; each unit of work leaves
    3  people, each on one stage  ┘  state/<unit>.json when it is finished
                        │
    manifest.jsonl from the states, in the order of the plan; left_out.jsonl with reasons

A stopped build goes on where it was; the same seed gives the same truth and frames, whatever the
number of workers. (Kokoro's network is noisy: its sound is the same only with the same cache.)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from shared.custody import write_atomic
from shared.data.clip import Clip
from shared.data.manifest import Manifest, write_manifest
from shared.data.marionette.clips import Workshop, make_person, make_voice_clip
from shared.data.marionette.plan import (
    ClipPlan,
    PersonPlan,
    SpeechPlan,
    plan_babble,
    plan_people,
    plan_voices,
)
from shared.data.marionette.profiles import PROFILES, profile_of
from shared.data.marionette.voices import Speakers
from shared.errors import InputError, MissingExtra, ToolkitError

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with (stage's name, units done, units in all)."""

LEFT_OUT_NAME = "left_out.jsonl"
_VOICE_BATCH = 8


def build(
    profile: str,
    out: str | Path,
    *,
    seed: int = 0,
    workers: int = 1,
    looks: str | Path | None = None,
    kokoro_voices: str | Path | None = None,
    speech_cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Build a corpus, or finish one that was begun.

    Args:
        profile: A name of :data:`.profiles.PROFILES`.
        out: The corpus's folder; made if it is not there.
        seed: Everything random follows from it.
        workers: Processes.
        looks: Folder of MakeHuman's CC0 looks, or None: all painted.
        kokoro_voices: Folder of Kokoro's ``.bin`` voices, or None: flite and eSpeak only.
        speech_cache: Where slow speech is kept; default ``OUT/speech``.
        progress: Called after each unit of work.

    Returns:
        The manifest, which is also written to ``OUT/manifest.jsonl``.

    Raises:
        InputError: If the profile is unknown, ``out`` holds a corpus of another profile, seed or
            looks, or nothing could be made.
        MissingExtra: If a package that every clip needs is missing.
    """
    root = Path(out)
    (root / "clips").mkdir(parents=True, exist_ok=True)
    (root / "state").mkdir(exist_ok=True)
    voices = Path(kokoro_voices) if kokoro_voices else None
    cache = Path(speech_cache) if speech_cache else root / "speech"
    shop = Workshop(
        profile_of(profile), root, seed, Speakers(voices, cache), Path(looks) if looks else None
    )
    _check_same_corpus(shop)
    people = plan_people(shop.profile, seed, with_kokoro=voices is not None)
    others = plan_voices(shop.profile, seed, with_kokoro=voices is not None)
    babbled = plan_babble(shop.profile, seed)
    plans = [*others, *babbled, *(clip for person in people for clip in person.clips)]
    report = progress or _silent
    with _single_threads():
        _run(shop, _slow_speech(plans), _say, workers, lambda *n: report("speech", *n))
        batches = [
            group[i : i + _VOICE_BATCH]
            for group in (others, babbled)
            for i in range(0, len(group), _VOICE_BATCH)
        ]
        _run(shop, batches, _make_voices, workers, lambda *n: report("voices", *n))
        if others:
            _collect(root, plans)

        def person_done(done: int, total: int) -> None:
            # A training can start on the first people while the rest is made.
            if done % max(total // 10, 1) == 0:
                _collect(root, plans)
            report("people", done, total)

        _run(shop, people, _make_person, workers, person_done)
    return _collect(root, plans)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _check_same_corpus(shop: Workshop) -> None:
    """Refuse to mix two corpora in one folder."""
    facts = {
        "profile": shop.profile.name,
        "seed": shop.seed,
        "looks": shop.looks is not None,
        "kokoro": shop.speakers.kokoro_voices is not None,
    }
    path = shop.root / "state" / "corpus.json"
    if path.is_file():
        found = json.loads(path.read_text("utf-8"))
        if found != facts:
            raise InputError(
                f"{shop.root} holds another corpus",
                found=found,
                expected=facts,
                fix="choose a new folder",
            )
    else:
        write_atomic(path, json.dumps(facts) + "\n")


@contextmanager
def _single_threads() -> Iterator[None]:
    """Have worker processes use one thread each: they share the cores among themselves."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _run(
    shop: Workshop,
    units: Sequence[T],
    work: Callable[[Workshop, T], None],
    workers: int,
    report: Callable[[int, int], None],
) -> None:
    """Do the work for all units, here or in worker processes."""
    if workers <= 1:
        for done, unit in enumerate(units, 1):
            work(shop, unit)
            report(done, len(units))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(work, shop, unit) for unit in units]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            report(done, len(units))


def _slow_speech(plans: list[ClipPlan]) -> list[SpeechPlan]:
    """Return each slow sentence of the plans once."""
    speeches = [plan.speech for plan in plans if plan.speech is not None]
    slow = [speech for speech in speeches if speech.voice.slow]
    return list({(s.voice.name, s.sentences): s for s in slow}.values())


def _say(shop: Workshop, speech: SpeechPlan) -> None:
    """Fill the cache; whoever needs the sentence meets a failure again and writes it down."""
    for sentence in speech.sentences:
        with suppress(ToolkitError):
            shop.speakers.say(sentence.text, speech.voice)


def _make_voices(shop: Workshop, batch: list[ClipPlan]) -> None:
    """Make some audio-only clips, unless an earlier run did."""
    if not _is_finished(shop.root, batch[0].id):
        _finish(shop.root, batch[0].id, [(plan, _voice_or_reason(shop, plan)) for plan in batch])


def _voice_or_reason(shop: Workshop, plan: ClipPlan) -> Clip | Exception:
    try:
        return make_voice_clip(shop, plan)
    except MissingExtra:
        raise
    except Exception as error:  # one bad clip must not stop the rest: it is written down
        return error


def _make_person(shop: Workshop, person: PersonPlan) -> None:
    """Render a person, unless an earlier run did."""
    if _is_finished(shop.root, person.id):
        return
    try:
        outcomes = list(make_person(shop, person))
    except MissingExtra:
        raise
    except Exception as error:  # one bad person must not stop the rest: it is written down
        outcomes = [(plan, error) for plan in person.clips]
    _finish(shop.root, person.id, outcomes)


def _state_path(root: Path, unit: str) -> Path:
    return root / "state" / f"{unit}.json"


def _is_finished(root: Path, unit: str) -> bool:
    return _state_path(root, unit).is_file()


def _finish(root: Path, unit: str, outcomes: list[tuple[ClipPlan, Clip | Exception]]) -> None:
    """Write down what became of a unit's clips, all at once."""
    state = {
        "clips": [clip.to_json() for _, clip in outcomes if isinstance(clip, Clip)],
        "left_out": [
            {"id": plan.id, "reason": f"{type(error).__name__}: {error}"}
            for plan, error in outcomes
            if isinstance(error, Exception)
        ],
    }
    write_atomic(_state_path(root, unit), json.dumps(state, ensure_ascii=False) + "\n")


def _collect(root: Path, plans: list[ClipPlan]) -> Manifest:
    """Write manifest and left_out from the states, in the order of the plan."""
    clips: dict[str, Clip] = {}
    left_out: list[dict[str, str]] = []
    for path in sorted((root / "state").glob("*.json")):
        state = json.loads(path.read_text("utf-8"))
        for line in state.get("clips", ()):
            clip = Clip.from_json(line)
            clips[clip.id] = clip
        left_out += state.get("left_out", ())
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in left_out)
    write_atomic(root / LEFT_OUT_NAME, lines)
    found = [clips[plan.id] for plan in plans if plan.id in clips]
    # Who listens to a clip that could not be made has nobody to listen to.
    made = {clip.id for clip in found}
    found = [c for c in found if c.extra.get("speaker_clip", c.id) in made]
    if not found:
        raise InputError(
            "no clip could be made", found=f"{len(left_out)} failures", fix=f"see {LEFT_OUT_NAME}"
        )
    return write_manifest(root, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a corpus from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.data.marionette.corpus")
    parser.add_argument("--profile", required=True, choices=sorted(PROFILES))
    parser.add_argument("--out", required=True, type=Path, help="folder of the corpus")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--looks", type=Path, help="folder of MakeHuman's CC0 looks")
    parser.add_argument("--kokoro-voices", type=Path, help="folder of kokoro-js's voices/*.bin")
    parser.add_argument("--speech-cache", type=Path, help="where slow speech is kept")
    options = parser.parse_args(arguments)
    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
    with RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        tasks = {name: bars.add_task(name, total=None) for name in ("speech", "voices", "people")}

        def show(stage: str, done: int, total: int) -> None:
            bars.update(tasks[stage], completed=done, total=total)

        try:
            manifest = build(progress=show, **vars(options))
        except ToolkitError as error:
            bars.console.print(f"[red]error:[/red] {error}")
            return error.exit_code
    Console().print(f"{len(manifest)} clips in {manifest.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
