"""What is answered about people, when, where, and by whom it must not be answered."""

from __future__ import annotations

import json
import math
import shutil
import weakref
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from forensics.calibration import calibrate
from forensics.calibration_error import best_fitted, reliability
from forensics.inspection.answers import segments
from forensics.inspection.inspect import inspect
from forensics.inspection.judge import open_judge, read_calibration, write_calibration
from forensics.inspection.regions import REGIONS, region_maps, region_means
from forensics.inspection.result import Inspection
from forensics.inspection.settings import Settings
from forensics.inspection.watching import Sight
from forensics.known_tracks import KnownTrack, calibrate_tracks
from forensics.verdict import Decision, Reason
from shared.custody import sha256_of
from shared.errors import InputError, WeightsError
from shared.media.image import write_image
from shared.media.marks import embed_watermark, metadata_comment
from shared.zoo.checkpoints import ZOO, save_checkpoint

AUTHENTIC, FORGED, BETWEEN = 20, 200, 110
"""Red of a face; 110 lies between the classes, in the middle of the gap."""


def test_two_people_and_only_one_of_them_forged_for_a_while(encode, eyes, judge, scene):
    frames = [
        scene((10, 10, 50, FORGED if t >= 10 else AUTHENTIC), (100, 60, 36, AUTHENTIC))
        for t in range(40)
    ]
    found = inspect(encode("a.mp4", frames), detector=judge, eyes=eyes)
    first, second = found.tracks
    assert (first.number, first.start, first.end, len(first.times)) == (1, 0.0, 7.8, 40)
    assert found.verdict.decision is first.verdict.decision is Decision.MANIPULATED
    assert second.verdict.decision is Decision.AUTHENTIC and second.segments == ()
    (segment,) = first.segments
    assert segment.start == pytest.approx(2.0, abs=0.5) and segment.end == pytest.approx(8.0)
    times = [frame.time for frame in first.frames]
    assert len(times) == 4 and min(times) >= 1.8
    assert np.diff(sorted(times)).min() >= 0.5
    assert [f.score for f in first.frames] == sorted((f.score for f in first.frames), reverse=True)


def test_one_forged_face_makes_the_file_manipulated_and_all_must_be_authentic(
    tmp_path, eyes, judge, scene
):
    def asked(*reds: int) -> Inspection:
        faces = [(10 + 70 * place, 20, 50, red) for place, red in enumerate(reds)]
        path = write_image(tmp_path / "a.png", scene(*faces, size=(240, 120)))
        return inspect(path, detector=judge, eyes=eyes)

    assert asked(AUTHENTIC, FORGED).verdict.decision is Decision.MANIPULATED
    clean = asked(AUTHENTIC, AUTHENTIC).verdict
    assert clean.decision is Decision.AUTHENTIC and "none of the 2 appearances" in clean.sentence
    left = asked(AUTHENTIC, BETWEEN).verdict
    assert (left.decision, left.reason) == (Decision.INCONCLUSIVE, Reason.OUT_OF_RANGE)
    assert "1 of 2 appearances" in left.sentence


def _refusing(redness):
    """Return a judge that must not be asked."""
    judge = redness()
    judge.trained = False
    judge.judge = None
    return judge


def _checkpoint(folder, kind: str, trained: bool):
    save_checkpoint(
        folder, {"network": nn.Linear(2, 2)}, {}, "card", {"kind": kind, "trained": trained}
    )
    return folder


UNUSABLE = {
    "missing": (lambda folder, _: folder / "none", Reason.NO_MODEL),
    "untrained checkpoint": (lambda folder, _: _checkpoint(folder / "c", "focus", False), Reason.UNTRAINED),
    "another kind": (lambda folder, _: _checkpoint(folder / "c", "opt", True), Reason.NO_MODEL),
    "untrained judge": (lambda _, redness: _refusing(redness), Reason.UNTRAINED),
    "uncalibrated judge": (lambda _, redness: redness(), Reason.UNCALIBRATED),
    "calibrated for another question": (
        lambda _, redness: redness(calibrate(np.arange(40), np.arange(40), Decision.MEMBER)),
        Reason.NO_MODEL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_detector_that_cannot_be_trusted_gives_no_label(case, tmp_path, eyes, scene, redness):
    make, reason = UNUSABLE[case]
    path = write_image(tmp_path / "a.png", scene((40, 30, 60, FORGED)))
    found = inspect(path, detector=make(tmp_path, redness), eyes=eyes)
    for verdict in (found.verdict, found.tracks[0].verdict):
        assert (verdict.decision, verdict.reason) == (Decision.INCONCLUSIVE, reason)
        assert verdict.probability is None and verdict.thresholds == {}
    assert (found.verdict.score is None) == (
        case != "uncalibrated judge" and "question" not in case
    )
    assert found.tracks[0].segments == () and found.record.notes


def test_scores_that_are_not_numbers_are_left_out(tmp_path, eyes, judge, scene):
    judge.judge = lambda crops: (crops[:, 0, 0, 0] * np.nan, crops[:, 0])
    path = write_image(tmp_path / "a.png", scene((40, 30, 60, FORGED)))
    found = inspect(path, detector=judge, eyes=eyes)
    assert found.verdict.reason is Reason.OUT_OF_RANGE and found.verdict.score is None
    assert Inspection.from_json(json.dumps(found.to_json())) == found


def test_custody_and_json(tmp_path, eyes, judge, scene):
    path = write_image(tmp_path / "a.png", scene((40, 30, 60, FORGED)))
    found = inspect(path, detector=judge, eyes=eyes)
    assert found.verdict.custody["file"] == found.record.inputs["file"]["sha256"] == sha256_of(path)
    assert {"redness", "face detector", "head model"} <= set(found.record.weights)
    assert found.record.started and found.record.versions["torch"]
    back = Inspection.from_json(json.dumps(found.to_json()))
    assert back == found and back.pictures == {} and len(found.pictures[1]) == 1
    assert np.shape(back.tracks[0].map) == (8, 8)
    other = inspect(path, detector=judge, eyes=eyes, frames=3)
    assert other.verdict.custody["settings"] != found.verdict.custody["settings"]
    older = found.to_json()
    for later in ("kind", "first_second", "last_second"):
        del older["marks"][later]
    assert Inspection.from_json(older) == found
    with pytest.raises(InputError):
        Inspection.from_json("{}")


def test_marks_of_our_own_generators_are_told(tmp_path, eyes, judge, scene):
    rng = np.random.default_rng(0)
    noisy = scene((80, 60, 120, AUTHENTIC), size=(320, 240)).astype(int) + rng.integers(
        -9, 9, (240, 320, 3)
    )
    marked = embed_watermark(noisy.clip(0, 255).astype(np.uint8))
    path = write_image(tmp_path / "a.png", marked, comment=metadata_comment("opt"))
    found = inspect(path, detector=judge, eyes=eyes)
    assert found.marks is not None and found.marks.found
    assert any(note.startswith("The invisible mark") for note in found.record.notes)


def test_a_comment_that_anyone_can_write_is_told_as_such(tmp_path, eyes, judge, scene):
    path = write_image(tmp_path / "a.png", scene(), comment=metadata_comment("opt"))
    (note,) = inspect(path, detector=judge, eyes=eyes).record.notes
    assert "anyone can write" in note and "no invisible mark was found" in note


def test_an_authentic_face_that_is_forged_for_a_while_is_not_called_authentic(
    encode, eyes, judge, scene
):
    frames = [scene((40, 30, 60, FORGED if 50 <= t < 56 else AUTHENTIC)) for t in range(100)]
    frames = [frame + np.uint8(t % 3) for t, frame in enumerate(frames)]  # no still picture
    found = inspect(encode("a.mp4", frames), detector=judge, eyes=eyes)
    (track,) = found.tracks
    assert [round(one.start) for one in track.segments] == [10]
    for verdict in (track.verdict, found.verdict):
        assert verdict.decision is Decision.INCONCLUSIVE and verdict.reason is Reason.PARTLY
        assert "for a stretch of time" in verdict.sentence
    assert track.verdict.score < track.verdict.thresholds[Decision.AUTHENTIC].value


def test_a_face_is_judged_by_means_of_as_many_pictures(tmp_path, encode, eyes, redness, scene):
    """The same score is manipulated as a mean of eight and nothing as that of one, however long that one is shown."""
    rng = np.random.default_rng(0)
    kinds = [
        [[KnownTrack((f"p{n}",), tuple(rng.normal(centre, 0.2, 8))) for n in range(40)]]
        for centre in (0.6, 0.2)
    ]
    judge = redness(calibrate_tracks(*kinds, error_rate=0.05))
    picture = scene((40, 30, 60, 125))
    one = inspect(write_image(tmp_path / "a.png", picture), detector=judge, eyes=eyes)
    shifted = [picture + np.uint8(5 * (t % 2)) for t in range(10)]
    many = inspect(encode("a.mp4", shifted), detector=judge, eyes=eyes)
    still = inspect(encode("b.mp4", [picture] * 10), detector=judge, eyes=eyes)
    for other in (many, still):
        assert one.verdict.score == pytest.approx(other.verdict.score, abs=0.03)
    assert many.verdict.decision is Decision.MANIPULATED
    assert one.verdict.reason is still.verdict.reason is Reason.OVERLAP
    tracks = [found.tracks[0].verdict for found in (one, many, still)]
    told = [track.thresholds[Decision.MANIPULATED].origin for track in tracks]
    assert [origin.count("single frames") for origin in told] == [1, 0, 1]
    assert "means of 8 frames" in told[1]
    assert [track.evidence["pictures that differ"] for track in tracks] == [1, 10, 1]
    assert (one.calibration.frames, many.calibration.frames) == (1, 8)


def test_a_score_beyond_all_known_ones_has_no_probability(tmp_path, eyes, redness, scene):
    known = np.linspace(0, 0.15, 40)
    judge = redness(calibrate(0.3 + known, known, Decision.MANIPULATED))
    path = write_image(tmp_path / "a.png", scene((40, 30, 60, FORGED)))
    found = inspect(path, detector=judge, eyes=eyes)
    assert found.verdict.reason is Reason.OUT_OF_RANGE
    assert found.verdict.probability is found.tracks[0].verdict.probability is None


def test_smaller_faces_that_nobody_followed_leave_the_file_open(tmp_path, eyes, judge, scene):
    """The thirteenth may be the forged one, if it is large enough to be a face at all."""

    def asked(side: int) -> Inspection:
        faces = [(10 + 60 * (n % 7), 10 + 60 * (n // 7), 44, AUTHENTIC) for n in range(12)]
        last = (10 + 60 * 5, 70, side, FORGED)
        path = write_image(tmp_path / "a.png", scene(*faces, last, size=(450, 140)))
        return inspect(path, detector=judge, eyes=eyes)

    large, small = asked(38), asked(20)
    assert large.verdict.reason is Reason.TOO_MANY and len(large.tracks) == 12
    assert any(note.startswith("Up to 1 smaller faces") for note in large.record.notes)
    assert small.verdict.decision is Decision.AUTHENTIC


def test_memory_holds_a_batch_and_the_best_frames(encode, eyes, judge, monkeypatch, scene):
    alive: weakref.WeakSet[Sight] = weakref.WeakSet()
    most = 0
    plain = judge.judge

    def counting(crops):
        nonlocal most
        most = max(most, len(alive))
        return plain(crops)

    judge.judge = counting
    monkeypatch.setattr(
        "forensics.inspection.watching.Sight", lambda *parts: _noted(alive, Sight(*parts))
    )
    frames = [scene((40, 30, 60, FORGED - t % 20)) for t in range(120)]
    settings = Settings(batch_size=4, kept_frames=2)
    found = inspect(encode("a.mp4", frames), detector=judge, eyes=eyes, settings=settings)
    assert len(found.tracks[0].times) == 120 and most <= 2 * 4 + 2 + 1
    assert set(judge.batches) == {4}


def _noted(alive, sight):
    alive.add(sight)
    return sight


def test_people_beyond_the_bound_are_counted(tmp_path, eyes, judge, scene):
    faces = [(10 + 60 * place, 20, 36 + place, FORGED) for place in range(5)]
    path = write_image(tmp_path / "a.png", scene(*faces, size=(320, 100)))
    found = inspect(path, detector=judge, eyes=eyes, settings=Settings(tracks=3))
    assert len(found.tracks) == 3
    assert any(note.startswith("2 briefly or barely visible") for note in found.record.notes)


def test_a_still_picture_is_not_judged_for_ever(encode, eyes, judge, scene):
    path = encode("a.mp4", [scene((40, 30, 60, FORGED))] * 100)
    found = inspect(path, detector=judge, eyes=eyes)
    assert 50 <= len(found.tracks[0].times) < 70


def test_how_often_a_file_is_looked_at():
    assert Settings().rate(None) == Settings().rate(float("nan")) == 5
    assert Settings().rate(1e6) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames", 0), ("frames", -3), ("frames", 2.5), ("people", 0), ("batch_size", -1),
        ("apart", math.nan), ("apart", -1.0), ("smoothing", math.nan), ("smoothing", math.inf),
        ("margin", math.nan), ("margin", 0.5),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_named_with_its_value(name, value):
    with pytest.raises(InputError, match=f"{name}.*found {value}"):
        Settings(**{name: value})


def test_regions_by_the_head(eyes):
    points = eyes.landmarker.shape * 100 + 60
    labels = region_maps(np.stack([points, points + 4]), 224)
    middle = {
        name: np.argwhere(labels[0] == place).mean(axis=0) for place, name in enumerate(REGIONS, 1)
    }
    assert middle["eyes"][0] < middle["nose"][0] < middle["mouth"][0]
    assert all(abs(middle[name][1] - 110) < 4 for name in ("eyes", "nose", "mouth"))
    shift = np.argwhere(labels[1] == 2).mean(axis=0) - middle["nose"]
    np.testing.assert_allclose(shift, 4, atol=0.7)
    means = region_means((labels[0] == 1 + REGIONS.index("mouth")).astype(np.float32), labels[0])
    assert max(means, key=means.__getitem__) == "mouth" and means["eyes"] < 0.05
    outside = np.argwhere(labels[0] == 5)
    assert (outside[:, 1].min(), outside[:, 1].max()) != (0, 223)


def test_segments_end_at_gaps_and_need_more_than_one_frame(judge):
    times = [*np.arange(0, 4, 0.2), *np.arange(10, 12, 0.2)]
    scores = [0.9 if 1 <= time < 3 or time >= 10 else 0.05 for time in times]
    scores[2] = 0.5  # a single outlier is smoothed away
    first, second = segments(times, scores, judge.calibration, 1.0)
    assert first.start == pytest.approx(1.0, abs=0.5) and first.end == pytest.approx(3.0, abs=0.5)
    assert second.start == pytest.approx(10.0) and second.end == pytest.approx(12.0)
    assert segments([0.0], [float("nan")], judge.calibration, 1.0) == ()
    assert segments([0.0], [0.9], judge.calibration, 1.0) == ()  # a picture has no length
    (cut,) = segments([14.0, 30.0, 46.0, 62.0], [0.9] * 4, judge.calibration, 1.0, end=64.0)
    assert (cut.start, cut.end) == (14.0, 64.0)


def known_tracks():
    """Thirty tracks of either class, one kind each."""
    rows = ((0.5, 1.0), (0.0, 0.4))
    return (
        [[KnownTrack((f"p{n}",), (score,) * 8) for n, score in enumerate(np.linspace(*row, 30))]]
        for row in rows
    )


def test_calibration_beside_a_checkpoint(tmp_path):
    write_calibration(tmp_path, *known_tracks(), 0.1)
    known = read_calibration(tmp_path)
    assert known is not None and known.judge(0.9) is Decision.MANIPULATED
    older = {"manipulated": [[0.9] * 30], "authentic": [[0.1] * 30], "error_rate": 0.1}
    (tmp_path / "calibration.json").write_text(json.dumps(older))
    with pytest.raises(WeightsError, match=r"older form.*forensics calibrate"):
        read_calibration(tmp_path)
    assert open_judge(tmp_path).reason is Reason.NO_MODEL


def test_calibration_error_sees_overconfidence():
    rng = np.random.default_rng(0)
    honest = calibrate(rng.normal(1, 1, 400), rng.normal(-1, 1, 400), Decision.MANIPULATED)
    error = reliability(honest).error
    assert error < 0.06
    bent = calibrate(
        np.concatenate([rng.normal(1, 1, 300), np.full(100, -6.0)]), rng.normal(-1, 1, 400),
        Decision.MANIPULATED,
    )  # fmt: skip
    assert reliability(replace(bent)).error > error


def test_steps_replace_a_curve_that_heavy_tails_bend():
    rng = np.random.default_rng(0)
    heavy = 3 * rng.standard_t(1.1, 400), 3 * rng.standard_t(1.1, 400) - 12
    known = calibrate(*heavy, Decision.MANIPULATED)
    better = best_fitted(known)
    assert better.method == "isotonic"
    assert reliability(better).error < 0.7 * reliability(known).error


def test_who_is_seen_late_and_long_is_kept(encode, eyes, judge, scene):
    """Five cuts fill the bound; the forged face comes after them and stays."""
    frames = [scene((10 + 10 * shot, 10, 70, AUTHENTIC)) for shot in range(5) for _ in range(3)]
    grey = scene()
    shots = [picture for at in range(0, 15, 3) for picture in (*frames[at : at + 3], *[grey] * 12)]
    path = encode("a.mp4", [*shots, *[scene((60, 40, 50, FORGED))] * 20])
    found = inspect(path, detector=judge, eyes=eyes, settings=Settings(tracks=2, batch_size=2))
    assert found.verdict.decision is Decision.MANIPULATED
    assert found.tracks[0].frames and len(found.tracks[0].times) >= 15


def test_faces_that_are_left_out_leave_the_file_open(tmp_path, eyes, judge, scene):
    faces = [(10 + 60 * place, 20, 36 + place, AUTHENTIC) for place in range(5)]
    path = write_image(tmp_path / "a.png", scene(*faces, size=(320, 100)))
    found = inspect(path, detector=judge, eyes=eyes, settings=Settings(tracks=3))
    assert found.verdict.reason is Reason.TOO_MANY
    assert "2 of 5 appearances" in found.verdict.sentence


def test_a_calibration_of_other_weights_is_not_used(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"first")
    write_calibration(tmp_path, *known_tracks(), 0.1)
    assert read_calibration(tmp_path) is not None
    (tmp_path / "model.safetensors").write_bytes(b"trained on")
    with pytest.raises(WeightsError, match="other weights"):
        read_calibration(tmp_path)


def test_a_calibration_of_another_configuration_is_not_used(tmp_path):
    """It decides the answers as the weights do; what else stands in the file does not."""
    place = tmp_path / "config.json"
    place.write_text(json.dumps({"config": {"topk_share": 0.15}, "meta": 1}))
    write_calibration(tmp_path, *known_tracks(), 0.1)
    place.write_text(json.dumps({"config": {"topk_share": 0.15}, "meta": 2}))
    assert read_calibration(tmp_path) is not None
    place.write_text(json.dumps({"config": {"topk_share": 0.5}, "meta": 1}))
    with pytest.raises(WeightsError, match="another configuration"):
        read_calibration(tmp_path)


def test_the_configuration_is_in_the_fingerprint(tmp_path):
    shipped = shutil.copytree(ZOO / "weights/focus", tmp_path / "focus")
    facts = json.loads((shipped / "config.json").read_text())
    told = []
    for share in (facts["config"]["network"]["topk_share"], 0.5):
        facts["config"]["network"]["topk_share"] = share
        (shipped / "config.json").write_text(json.dumps(facts))
        (shipped / "calibration.json").unlink(missing_ok=True)
        told.append(open_judge(shipped).judge.fingerprint())
    assert told[0] != told[1] and told[0]["focus"] == told[1]["focus"]
    assert told[0].items() <= open_judge("focus").judge.fingerprint().items()


def test_a_device_that_is_not_there_is_said():
    with pytest.raises(InputError, match="device"):
        open_judge("focus", device="gpu")
