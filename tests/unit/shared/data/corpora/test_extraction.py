"""Faces from generated corpora: one photographed face that moves about."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage import data

from shared.data.corpora import extraction
from shared.data.corpora.extraction import FaceSettings, extract_faces, prepare_faces
from shared.data.corpora.faces import Faces, faces_of
from shared.data.corpora.video import LabelledVideo
from shared.data.forgery.known import Known
from shared.errors import FaceNotFound, InputError
from shared.media.image import write_image
from shared.media.video import VideoWriter

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])
BRIEF = FaceSettings(count=3, size=64)


def film(path: Path, count: int = 7, *, face: bool = True) -> Path:
    """Write a face that goes to the right by 4 px a frame, or grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 25, (320, 256)) as writer:
        for number in range(count):
            frame = np.full((256, 320, 3), 120, np.uint8)
            if face:
                frame[:, 4 * number : 4 * number + 256] = PORTRAIT
            writer.write(frame)
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpus"
    film(root / "real/anna/a.mp4")
    film(root / "fake/bert/b.mp4")
    film(root / "real/nobody/n.mp4", 3, face=False)
    (root / "fake/bad.mp4").write_bytes(b"no video")
    return root


def test_every_video_is_a_row_or_left_out_with_its_reason(corpus, tmp_path):
    manifest = prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    assert [(c.extra["label"], c.person, c.frames, c.extra["missed"]) for c in manifest] == [
        ("forged", "bert", 3, 0), ("authentic", "anna", 3, 0),
    ]  # fmt: skip
    lines = (tmp_path / "out/left_out.jsonl").read_text("utf-8").splitlines()
    left_out = {row["path"]: row["reason"] for row in map(json.loads, lines)}
    assert left_out.keys() == {"real/nobody/n.mp4", "fake/bad.mp4"}
    assert "no face in the video" in left_out["real/nobody/n.mp4"]
    faces = faces_of(manifest, manifest.clips[1])
    assert faces.images.shape == (3, 64, 64, 3)
    assert faces.frames.tolist() == [0, 3, 6]
    assert not faces.masks.any()
    assert faces_of(manifest, manifest.clips[0]).masks is None


def test_a_video_of_two_is_counted_with_the_one_who_is_seen(tmp_path):
    """A third name for two people would be drawn apart from either of them."""
    film(tmp_path / "corpus/a.mp4")
    (tmp_path / "corpus/labels.csv").write_text("path,label,person\na.mp4,fake,anna+bert\n")
    (clip,) = prepare_faces("plain", tmp_path / "corpus", tmp_path / "out", settings=BRIEF)
    assert (clip.person, clip.extra["persons"]) == ("anna", ["anna", "bert"])


def test_a_crop_follows_the_face_and_its_landmarks_lie_in_it(tmp_path):
    video = LabelledVideo(film(tmp_path / "a.mp4"), "authentic", "test")
    found = extract_faces(video, BRIEF)
    faces = found.faces
    assert (found.missed, found.mask_left_out) == (0, "")
    shift = np.diff((faces.boxes[:, 0] + faces.boxes[:, 2]) / 2)
    assert np.abs(shift - 12).max() < 2
    assert 0 < faces.landmarks.min() < faces.landmarks.max() < 64
    # 1.3 times the extent: the landmarks fill 77 % of the larger side.
    extent = np.ptp(faces.landmarks, axis=1).max(axis=-1)
    assert np.all((extent > 0.6 * 64) & (extent < 0.8 * 64))


@pytest.mark.parametrize("kind", ["npz", "video"])
def test_masks_are_cut_like_the_faces(tmp_path, kind):
    path = film(tmp_path / "a.mp4")
    masks = np.zeros((7, 256, 320), np.uint8)
    for number in range(7):
        # The right half of the moving portrait.
        masks[number, :, 4 * number + 128 :] = 255
    if kind == "npz":
        mask = Known(masks, np.zeros((7, 68, 2), np.float32)).save(tmp_path / "m.npz")
    else:
        mask = tmp_path / "m.mp4"
        with VideoWriter(mask, 25, (320, 256)) as writer:
            for one in masks:
                writer.write(np.repeat(one[..., None], 3, axis=-1))
    faces = extract_faces(LabelledVideo(path, "forged", "test", mask=mask), BRIEF).faces
    edges = (faces.masks > 127).argmax(axis=-1)
    left, right = faces.boxes[:, 0], faces.boxes[:, 2]
    wanted = (4 * faces.frames + 128 - left) / (right - left) * 64
    assert np.abs(edges - wanted[:, None]).max() < 1.5


def test_masks_of_half_the_size_and_of_picture_folders_lie_right(tmp_path):
    face = cv2.resize(PORTRAIT[30:190, 60:220], (224, 224), interpolation=cv2.INTER_AREA)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        write_image(tmp_path / "pictures" / f"{number}.png", face)
    masks = np.zeros((3, 112, 112), np.uint8)
    masks[:, :, 56:] = 255
    mask = Known(masks, np.zeros((3, 68, 2), np.float32)).save(tmp_path / "m.npz")
    video = LabelledVideo(tmp_path / "pictures", "forged", "test", mask=mask)
    faces = extract_faces(video, BRIEF).faces
    left, right = faces.boxes[:, 0], faces.boxes[:, 2]
    assert (left < right).all() and (right < 300).all()
    edges = (faces.masks > 127).argmax(axis=-1)[:, 32]
    np.testing.assert_allclose(edges, (112 - left) / (right - left) * 64, atol=1.5)


def test_a_mask_of_other_proportions_is_no_mask(tmp_path):
    mask = Known(np.zeros((7, 256, 256), np.uint8), np.zeros((7, 68, 2))).save(tmp_path / "m.npz")
    video = LabelledVideo(film(tmp_path / "a.mp4"), "forged", "test", mask=mask)
    found = extract_faces(video, BRIEF)
    assert len(found.faces.frames) == 3 and found.faces.masks is None
    assert "proportions" in found.mask_left_out


def test_pictures_are_spread_over_what_is_there_not_over_what_is_declared(tmp_path):
    """A file that was cut off still declares all of its frames."""
    with av.open(str(tmp_path / "b.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuvj420p"
        for _ in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(PORTRAIT, format="rgb24")))
        container.mux(stream.encode())
    content = (tmp_path / "b.avi").read_bytes()
    (tmp_path / "b.avi").write_bytes(content[: int(0.6 * len(content))])
    faces = extract_faces(LabelledVideo(tmp_path / "b.avi", "authentic", "test"), BRIEF).faces
    assert len(faces.frames) == 3 and 15 < faces.frames[-1] < 39


def test_a_video_that_changed_its_label_loses_its_masks(tmp_path):
    film(tmp_path / "corpus/a.mp4")
    film(tmp_path / "corpus/b.mp4")
    told = []
    for label in ("real", "fake"):
        lines = f"path,label\na.mp4,{label}\nb.mp4,real\n"
        (tmp_path / "corpus/labels.csv").write_text(lines)
        manifest = prepare_faces("plain", tmp_path / "corpus", tmp_path / "out", settings=BRIEF)
        told.append(faces_of(manifest, manifest.clips[0]).masks is None)
    assert told == [False, True]


def test_faces_that_were_deleted_are_made_again(corpus, tmp_path):
    manifest = prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    shutil.rmtree(manifest.path(manifest.clips[0].extra["faces"]))
    again = prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    assert len(faces_of(again, again.clips[0]).frames) == 3


def test_videos_elsewhere_and_names_of_other_encodings_are_read(corpus, tmp_path):
    film(tmp_path / "elsewhere/c.mp4")
    (corpus / "real/anna/a.mp4").rename(
        corpus / "real" / b"caf\xe9.mp4".decode(errors="surrogateescape")
    )
    assert len(prepare_faces("plain", corpus, tmp_path / "one", settings=BRIEF)) == 2
    (corpus / "labels.csv").write_text(f"path,label\n{tmp_path}/elsewhere/c.mp4,real\n")
    manifest = prepare_faces("plain", corpus, tmp_path / "two", settings=BRIEF)
    assert manifest.clips[0].source == f"plain: {tmp_path}/elsewhere/c.mp4"


def test_a_mask_that_is_too_short_is_no_mask(tmp_path):
    """The faces are kept, and the row tells why they have none."""
    film(tmp_path / "corpus/a.mp4")
    film(tmp_path / "corpus/b.mp4")
    film(tmp_path / "corpus/masks/a.mp4", 2)
    lines = "path,label,mask\na.mp4,fake,masks/a.mp4\nb.mp4,fake,masks/none.mp4\n"
    (tmp_path / "corpus/labels.csv").write_text(lines)
    manifest = prepare_faces("plain", tmp_path / "corpus", tmp_path / "out", settings=BRIEF)
    assert [clip.frames for clip in manifest] == [3, 3]
    assert all(faces_of(manifest, clip).masks is None for clip in manifest)
    assert "shorter" in manifest.clips[0].extra["mask_left_out"]
    assert "none.mp4" in manifest.clips[1].extra["mask_left_out"]
    assert (tmp_path / "out/left_out.jsonl").read_text() == ""


def test_tight_pictures_in_a_folder_are_read_in_their_numbers_order(tmp_path):
    face = cv2.resize(PORTRAIT[30:190, 60:220], (224, 224), interpolation=cv2.INTER_AREA)
    for number in (2, 10, 9):
        write_image(tmp_path / f"{number}.png", np.roll(face, number, axis=1))
    found = extract_faces(LabelledVideo(tmp_path, "forged", "test"), BRIEF)
    assert found.missed == 0
    faces = found.faces
    assert np.all(np.diff(faces.landmarks[:, 30, 0] + faces.boxes[:, 0]) > 0)


def test_an_extraction_goes_on_and_does_again_what_has_changed(corpus, tmp_path, monkeypatch):
    prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    seen = []
    extract = extraction._extract
    monkeypatch.setattr(
        extraction, "_extract", lambda *args: seen.append(args[-1][0]) or extract(*args)
    )
    prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    assert seen == []
    film(corpus / "real/nobody/n.mp4", 5)
    manifest = prepare_faces("plain", corpus, tmp_path / "out", settings=BRIEF)
    assert len(seen) == 1
    assert len(manifest) == 3


def test_faces_round_trip(tmp_path, generator):
    images = generator.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    boxes, points = np.ones((2, 4), np.float32), np.ones((2, 68, 2), np.float32)
    faces = Faces(images, images[..., 0], np.array([0, 17]), boxes, points)
    faces.save(tmp_path / "f")
    again = Faces.load(tmp_path / "f")
    assert np.array_equal(again.images, faces.images)
    assert np.array_equal(again.masks, faces.masks)
    assert again.frames.tolist() == [0, 17]
    with pytest.raises(InputError, match="forensics prepare"):
        Faces.load(tmp_path)


def test_what_cannot_be_is_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="inside"):
        prepare_faces("plain", corpus, corpus / "out")
    with pytest.raises(InputError, match=r"count .* out of range .found 0, expected 1 or more"):
        FaceSettings(count=0)
    with pytest.raises(InputError, match=r"margin .* out of range .found nan, expected 1 to 3"):
        FaceSettings(margin=float("nan"))
    film(tmp_path / "only/real/n.mp4", 2, face=False)
    with pytest.raises(InputError, match="no face came out"):
        prepare_faces("plain", tmp_path / "only", tmp_path / "out2", settings=BRIEF)
    with pytest.raises(FaceNotFound):
        extract_faces(LabelledVideo(tmp_path / "only/real/n.mp4", "authentic", "test"), BRIEF)


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
