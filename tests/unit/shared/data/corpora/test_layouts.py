"""Each public layout on a generated tree: labels, people, official splits, and what is not used."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from shared.data.clip import Clip
from shared.data.corpora.held_out import lacking
from shared.data.corpora.registry import CORPORA, read_corpus
from shared.data.corpora.video import LabelledVideo, Reading
from shared.data.manifest import write_manifest
from shared.data.splits import split_by_identity
from shared.errors import InputError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def by_name(reading: Reading, root: Path) -> dict[str, LabelledVideo]:
    return {video.path.relative_to(root).as_posix(): video for video in reading.videos}


def test_an_embedded_forgery_shows_its_donors_too(tmp_path):
    def row(name: str, person: str, label: str, donors: tuple[str, ...] = ()) -> Clip:
        extra = {
            "label": label, "family": "swap", "quality": "c23", "target": name, "known": "k.npz",
            "donors": list(donors),
        }  # fmt: skip
        return Clip(
            f"{label}-{name}", "speaking", "val", person, video=f"{label}-{name}.mp4", extra=extra
        )

    write_manifest(
        tmp_path,
        [
            row("a-0", "anna", "authentic"), row("b-0", "bert", "authentic"),
            row("a-0", "anna", "forged", ("b-0", "elsewhere", "b-0")),
        ],
    )  # fmt: skip
    found = {video.path.stem: video.persons for video in read_corpus("embedded", tmp_path).videos}
    assert found == {
        "authentic-a-0": ("anna",), "authentic-b-0": ("bert",), "forged-a-0": ("anna", "bert"),
    }  # fmt: skip


def splits_of(reading: Reading) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for video in reading.videos:
        for person in video.persons:
            found.setdefault(person, set()).add(video.split)
    return found


@pytest.fixture
def faceforensics(tmp_path: Path) -> Path:
    for split, pairs in {"train": [["000", "003"]], "val": [["001", "870"]], "test": [["4", "5"]]}.items():  # fmt: skip
        touch(tmp_path, f"splits/{split}.json")
        (tmp_path / f"splits/{split}.json").write_text(json.dumps(pairs))
    fakes = "manipulated_sequences"
    touch(
        tmp_path,
        *(f"original_sequences/youtube/c23/videos/{n}.mp4" for n in ("000", "003", "001", "999")),
        "original_sequences/youtube/c40/videos/000.mp4",
        f"{fakes}/Deepfakes/c23/videos/000_003.mp4",
        f"{fakes}/Deepfakes/masks/videos/000_003.mp4",
        f"{fakes}/NeuralTextures/c23/videos/870_001.mp4",
        "original_sequences/actors/c23/videos/01__walking.mp4",
        "original_sequences/actors/c23/videos/odd.mp4",
        f"{fakes}/DeepFakeDetection/c23/videos/01_02__walking__ABCD.mp4",
    )
    return tmp_path


def test_faceforensics(faceforensics):
    reading = read_corpus("faceforensics", faceforensics)
    rows = by_name(reading, faceforensics)
    fake = rows["manipulated_sequences/Deepfakes/c23/videos/000_003.mp4"]
    assert (fake.label, fake.family, fake.split) == ("forged", "Deepfakes", "train")
    assert fake.persons == ("000", "003")
    assert fake.mask == faceforensics / "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4"
    other = rows["manipulated_sequences/NeuralTextures/c23/videos/870_001.mp4"]
    assert (other.split, other.mask) == ("val", None)
    assert rows["original_sequences/youtube/c23/videos/000.mp4"].label == "authentic"
    assert len(rows) == 5
    assert [row["path"][-7:] for row in reading.left_out] == ["999.mp4"]
    assert len(read_corpus("faceforensics", faceforensics, "c40").videos) == 1


def test_faceforensics_names_the_videos_that_lie_elsewhere(faceforensics):
    fakes = "manipulated_sequences"
    strays = {
        "001.avi", f"{fakes}/Deepfakes/c23/000_001.mp4", f"{fakes}/Unknown/c23/videos/000_001.mp4",
        "original_sequences/youtube/c23/videos/003.mkv",
    }  # fmt: skip
    touch(faceforensics, *strays)
    for corpus, own in (("faceforensics", "999.mp4"), ("dfd", "odd.mp4")):
        left_out = [row["path"] for row in read_corpus(corpus, faceforensics).left_out]
        assert Path(left_out.pop(0)).name == own
        assert len(left_out) == 4 and set(left_out) == strays


def test_faceforensics_without_its_split_says_where_it_is(faceforensics):
    (faceforensics / "splits/val.json").unlink()
    with pytest.raises(InputError, match="dataset/splits"):
        read_corpus("faceforensics", faceforensics)


def test_faceforensics_with_a_torn_split_is_refused(faceforensics):
    # The pair's fake is in train by both numbers; one number is in the test file too.
    (faceforensics / "splits/test.json").write_text('[["003", "5"]]')
    left_out = read_corpus("faceforensics", faceforensics).left_out
    assert {row["reason"] for row in left_out} == {"not in one official split"}


def test_dfd_is_all_test(faceforensics):
    reading = read_corpus("dfd", faceforensics)
    assert [video.split for video in reading.videos] == ["test", "test"]
    assert reading.videos[0].persons == ("01", "02")
    assert [row["reason"] for row in reading.left_out] == ["the name holds no actor"]


def test_celeb_df_keeps_its_test_and_drops_its_people_elsewhere(tmp_path):
    touch(
        tmp_path,
        "Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4", "Celeb-real/videos/id9_0001.mp4",
        "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/id8_id9_0000.mp4",
        "YouTube-real/00000.mp4", "YouTube-real/00001.mp4",
    )  # fmt: skip
    lines = ["1 Celeb-real/id0_0000.mp4", "0 Celeb-synthesis/id0_id1_0000.mp4",
             "1 YouTube-real/00001.mp4", "1 YouTube-real/00777.mp4"]  # fmt: skip
    (tmp_path / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n\n")
    reading = read_corpus("celeb-df-v2", tmp_path)
    rows = by_name(reading, tmp_path)
    assert Counter(video.split == "test" for video in rows.values()) == {True: 3, False: 3}
    assert rows["Celeb-synthesis/id0_id1_0000.mp4"].label == "forged"
    assert all(len(splits) == 1 for splits in splits_of(reading).values())
    assert {row["path"]: row["reason"] for row in reading.left_out} == {
        "Celeb-real/id1_0000.mp4": "the person is in the test list",
        "YouTube-real/00777.mp4": "in the test list, but no such file",
    }
    (tmp_path / "List_of_testing_videos.txt").write_text("0 Celeb-real/id0_0000.mp4")
    with pytest.raises(InputError, match=r"line 1 of .*List_of_testing_videos.txt is wrong"):
        read_corpus("celeb-df-v2", tmp_path)
    (tmp_path / "List_of_testing_videos.txt").write_bytes(b"1 Celeb-real/id0_0000.mp4\n1 caf\xe9\n")
    with pytest.raises(InputError, match=r"line 2 of .*List_of_testing_videos.txt is not UTF-8"):
        read_corpus("celeb-df-v2", tmp_path)


@pytest.mark.parametrize("alone", [("id60", "id61"), ("id60",)])
def test_celeb_df_has_a_val_of_both_labels_or_none(tmp_path, alone):
    """As published: of few celebrities nobody is in the test list, and all forgeries left may link them."""
    pairs = [("id0", "id1"), ("id59", alone[0]), (alone[-1], "id62")]
    touch(
        tmp_path,
        *(f"Celeb-synthesis/{one}_{two}_0000.mp4" for one, two in pairs),
        *(f"Celeb-real/{name}_0000.mp4" for pair in pairs for name in pair),
        *(f"YouTube-real/{number:05d}.mp4" for number in range(60)),
    )
    (tmp_path / "List_of_testing_videos.txt").write_text("0 Celeb-synthesis/id0_id1_0000.mp4\n")
    reading = read_corpus("celeb-df-v2", tmp_path)
    count = Counter((video.split, video.label) for video in reading.videos)
    assert len(reading.left_out) == 2 and count["train", "forged"] == 3 - len(alone)
    assert (count["val", "forged"], count["val", "authentic"] > 0) == (
        len(alone) - 1,
        len(alone) == 2,
    )
    told = [] if len(alone) == 2 else ["val holds no authentic and no forged video"]
    assert lacking(count.keys()) == told


def test_dfdc_reads_both_forms_of_labels(tmp_path):
    part = "train/dfdc_train_part_3"
    touch(tmp_path, *(f"{part}/{n}.mp4" for n in "abcd"), "validation/v.mp4", "test/t.mp4")
    labels = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "c.mp4": {"label": "FAKE", "split": "train", "original": "gone.mp4"},
        "e.mp4": {"label": "REAL", "split": "train"},
    }
    (tmp_path / part / "metadata.json").write_text(json.dumps(labels))
    (tmp_path / "validation/labels.csv").write_text("filename,label\nv.mp4,1\n")
    (tmp_path / "test/metadata.json").write_text('{"t.mp4": {"is_fake": 0}}')
    reading = read_corpus("dfdc", tmp_path)
    rows = {video.path.name: video for video in reading.videos}
    assert {name: (v.label, v.split) for name, v in rows.items()} == {
        "a.mp4": ("forged", "train"), "b.mp4": ("authentic", "train"),
        "c.mp4": ("forged", "train"), "t.mp4": ("authentic", "test"), "v.mp4": ("forged", "val"),
    }  # fmt: skip
    assert rows["a.mp4"].persons == rows["b.mp4"].persons != rows["c.mp4"].persons
    assert {Path(row["path"]).name: row["reason"] for row in reading.left_out} == {
        "d.mp4": "no label", "e.mp4": "in the labels, but no such file",
    }  # fmt: skip


def test_a_part_of_dfdc_is_a_folder_with_labels(tmp_path):
    """Unpacked by many, the folder of the archive's name holds that of the part."""
    outer = "dfdc_train_part_00/dfdc_train_part_0"
    touch(
        tmp_path, f"{outer}/a.mp4", f"{outer}/b.mp4", "dfdc_train_part_01/dfdc_train_part_1/c.mp4"
    )
    with pytest.raises(InputError, match=r"holds a metadata\.json"):
        read_corpus("dfdc", tmp_path)
    labels = {"a.mp4": {"label": "FAKE", "original": "b.mp4"}, "b.mp4": {"label": "REAL"},
              "/b.mp4": {"label": "REAL"}}  # fmt: skip
    for folder in (outer, "dfdc_train_part_00"):
        (tmp_path / folder / "metadata.json").write_text(json.dumps(labels))
        reading = read_corpus("dfdc", tmp_path)
        assert [video.path.name for video in reading.videos] == ["a.mp4", "b.mp4"]
        assert {Path(row["path"]).name: row["reason"] for row in reading.left_out} == {
            "b.mp4": "in the labels, but no such file",
            "c.mp4": "not where DFDC has its labelled videos",
        }


def test_what_the_dfdc_preview_does_not_list_or_hold_is_left_out(tmp_path):
    touch(tmp_path, "corpus/method_A/1/1.mp4", "corpus/method_A/1/extra.mp4", "foreign.mp4")
    row = {"label": "fake", "set": "test"}
    names = [
        "method_A/1/1.mp4",
        "../foreign.mp4",
        str(tmp_path / "foreign.mp4"),
        "a" * 300 + ".mp4",
    ]
    (tmp_path / "corpus/dataset.json").write_text(json.dumps(dict.fromkeys(names, row)))
    reading = read_corpus("dfdc-preview", tmp_path / "corpus")
    assert [video.path.name for video in reading.videos] == ["1.mp4"]
    assert {row["path"]: row["reason"].split(", ")[-1] for row in reading.left_out} == {
        names[1]: "but outside of the corpus", names[2]: "but outside of the corpus",
        names[3]: "but no such file", "method_A/1/extra.mp4": "not in dataset.json",
    }  # fmt: skip


def test_a_nameless_video_of_the_dfdc_preview_is_its_own_person(tmp_path):
    touch(tmp_path, "original_videos/x.mp4")
    rows = {"original_videos/x.mp4": {"label": "real", "set": "train"}}
    (tmp_path / "dataset.json").write_text(json.dumps(rows))
    assert read_corpus("dfdc-preview", tmp_path).videos[0].persons == ("x",)


def test_dfdc_preview_keeps_a_swap_s_two_people_together(tmp_path):
    rows = {}
    for target in range(60):
        name = f"method_A/{target}/{target}_A_001.mp4"
        rows[name] = {"label": "fake", "target_id": target, "swapped_id": target ^ 1,
                      "set": "test" if target < 10 else "train"}  # fmt: skip
        rows[f"original_videos/{target}/{target}_B.mp4"] = {**rows[name], "label": "real",
                                                           "swapped_id": None}  # fmt: skip
    touch(tmp_path, *rows)
    rows["method_B/7/gone.mp4"] = {"label": "fake", "target_id": 7, "set": "test"}
    (tmp_path / "dataset.json").write_text(json.dumps(rows))
    reading = read_corpus("dfdc-preview", tmp_path)
    assert all(len(splits) == 1 for splits in splits_of(reading).values())
    count = Counter(video.split for video in reading.videos)
    assert count["test"] == 20
    assert count["val"] == 8  # two groups of four videos are the most below a tenth of 100
    assert {video.family for video in reading.videos} == {"method_A", ""}
    assert len(reading.left_out) == 1


def test_wild_deepfake_gives_sequences(tmp_path):
    top = "deepfake_in_the_wild"
    touch(
        tmp_path,
        f"{top}/real_train/1/real/0/0.png", f"{top}/real_train/1/real/0/1.png",
        f"{top}/real_train/1/real/7/0.png", f"{top}/fake_test/1/fake/3/0.png",
        f"{top}/fake_test/1.tar.gz", f"{top}/fake_test/2.tar.gz",
    )  # fmt: skip
    reading = read_corpus("wild-deepfake", tmp_path)
    found = [(v.path.relative_to(tmp_path / top).as_posix(), v.label) for v in reading.videos]
    assert found == [
        ("fake_test/1/fake/3", "forged"), ("real_train/1/real/0", "authentic"),
        ("real_train/1/real/7", "authentic"),
    ]  # fmt: skip
    assert reading.videos[1].persons == reading.videos[2].persons != reading.videos[0].persons
    assert reading.left_out == ({"path": f"{top}/fake_test/2.tar.gz", "reason": "not unpacked"},)


def test_pictures_of_no_film_are_left_out_of_wild_deepfake(tmp_path):
    touch(tmp_path, "real_train/stray.png", "real_train/1/real/0/0.png", "fake_train/film.mp4")
    reading = read_corpus("wild-deepfake", tmp_path)
    assert [video.path.name for video in reading.videos] == ["0"]
    assert [row["path"] for row in reading.left_out] == ["real_train", "fake_train/film.mp4"]


def test_plain_folders_and_plain_csv(tmp_path):
    touch(tmp_path, "train/real/anna/a.mp4", "test/fake/b.mp4", "train/notes.mp4")
    reading = read_corpus("plain", tmp_path)
    assert [(v.path.name, v.label, v.split, v.persons) for v in reading.videos] == [
        ("b.mp4", "forged", "test", ("b",)), ("a.mp4", "authentic", "train", ("anna",)),
    ]  # fmt: skip
    (tmp_path / "labels.csv").write_text(
        "path,label,person,split,family\n"
        "train/notes.mp4,1,carl+dora,val,gan\n"
        "train/real/anna/a.mp4,real,anna,,\n"
        "gone.mp4,real,,,\n"
    )
    reading = read_corpus("plain", tmp_path)
    rows = {video.path.name: video for video in reading.videos}
    assert (rows["notes.mp4"].persons, rows["notes.mp4"].family) == (("carl", "dora"), "gan")
    assert rows["a.mp4"].family == ""
    assert {row["path"]: row["reason"] for row in reading.left_out} == {
        "gone.mp4": "in labels.csv, but no such file",
        "test/fake/b.mp4": "not in labels.csv",
    }


def test_plain_loses_no_video_silently(tmp_path):
    touch(tmp_path, "real/a.mp4", "deepfake/b.mp4", "training/fake/c.mp4", "fake/x+y.mp4")
    reading = read_corpus("plain", tmp_path)
    assert {video.persons for video in reading.videos} == {("a",), ("x+y",)}
    assert [row["path"] for row in reading.left_out] == ["deepfake/b.mp4", "training/fake/c.mp4"]
    assert all("real or fake" in row["reason"] for row in reading.left_out)


def test_a_split_may_stand_below_the_label(tmp_path):
    touch(
        tmp_path,
        "real/train/a.mp4",
        "real/test/carl/c.mp4",
        "val/fake/b.mp4",
        "train/real/train/d.mp4",
    )
    reading = read_corpus("plain", tmp_path)
    assert {video.path.name: (video.split, *video.persons) for video in reading.videos} == {
        "a.mp4": ("train", "a"), "b.mp4": ("val", "b"), "c.mp4": ("test", "carl"), "d.mp4": ("train", "d"),
    }  # fmt: skip
    touch(tmp_path, "fake/train/carl/x.mp4")
    with pytest.raises(InputError, match="two splits"):
        read_corpus("plain", tmp_path)


@pytest.mark.parametrize(
    "name", ["test/real/train/a.mp4", "fake/Validation/a.mp4", "fake/training/a.mp4"]
)
def test_folders_that_leave_the_split_open_are_refused(tmp_path, name):
    touch(tmp_path, name)
    with pytest.raises(InputError, match="no clear split"):
        read_corpus("plain", tmp_path)


def test_spaces_in_the_csv_make_nobody_two(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "masks/b.mp4")
    (tmp_path / "labels.csv").write_text(
        "path , label, Person, split, mask\na.mp4 , real, anna , train ,\n b.mp4,fake,anna + bert,,masks/b.mp4 \n"
    )
    reading = read_corpus("plain", tmp_path)
    assert [(video.split, video.persons) for video in reading.videos] == [
        ("train", ("anna",)), ("train", ("anna", "bert")),
    ]  # fmt: skip
    assert reading.videos[1].mask == tmp_path / "masks/b.mp4"
    assert reading.left_out == ()


@pytest.mark.parametrize("other", ["./a.mp4", "below/../a.mp4", "link.mp4", "a.mp4"])
def test_a_file_that_is_listed_twice_is_named(tmp_path, other):
    touch(tmp_path, "a.mp4")
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    (tmp_path / "labels.csv").write_text(f"path,label\na.mp4,real\n{other},fake\n")
    with pytest.raises(InputError, match=rf"there twice \(found a.mp4 and {other}"):
        read_corpus("plain", tmp_path)


@pytest.mark.parametrize("rows", [1, 20_000], ids=["short", "longer than a field may be"])
def test_a_quote_that_is_not_closed_is_named_by_its_line(tmp_path, rows):
    touch(tmp_path, "a.mp4")
    text = 'path,label\na.mp4,real\n"b.mp4,fake\n' + "c.mp4,fake\n" * rows
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=r"line 3 of .*labels.csv cannot be read"):
        read_corpus("plain", tmp_path)


def test_a_path_longer_than_any_file_s_is_left_out(tmp_path):
    touch(tmp_path, "a.mp4")
    long = "b" * 300 + ".mp4"
    (tmp_path / "labels.csv").write_text(f"path,label\na.mp4,real\n{long},fake\n")
    reading = read_corpus("plain", tmp_path)
    assert reading.left_out == ({"path": long, "reason": "in labels.csv, but no such file"},)


def test_people_who_share_a_video_get_one_split(tmp_path):
    """Ten people in a ring of swaps: split by the first of two, nearly every pair would be torn."""
    names = [f"{n}.mp4" for n in range(10)]
    touch(tmp_path, *names, *[f"alone{n}.mp4" for n in range(30)])
    lines = [f"{name},fake,p{n}+p{(n + 1) % 10}\n" for n, name in enumerate(names)]
    lines += [f"alone{n}.mp4,real,q{n}\n" for n in range(30)]
    (tmp_path / "labels.csv").write_text("path,label,person\n" + "".join(lines))
    videos = read_corpus("plain", tmp_path).videos
    assert len({video.split for video in videos if len(video.persons) == 2}) == 1
    alone = {video.persons[0]: video.split for video in videos if len(video.persons) == 1}
    assert alone == split_by_identity(alone)


@pytest.mark.parametrize(
    "text",
    ["path\na.mp4\n", "path,label\na.mp4,maybe\n", "path,label,split\na.mp4,real,later\n",
     "path,label,person,split\na.mp4,real,x,train\nb.mp4,real,x,test\n", "path,label\na.mp4\n",
     "path,label\ncaf\udce9.mp4,real\n"],
    ids=["no label", "unknown label", "unknown split", "one person in two splits", "short", "not UTF-8"],
)  # fmt: skip
def test_a_wrong_csv_is_refused(tmp_path, text):
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "labels.csv").write_text(text, "utf-8", "surrogateescape")
    with pytest.raises(InputError):
        read_corpus("plain", tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", "[]"),
        ("metadata.json", '{"a.mp4": "FAKE"}'),
        ("labels.csv", "name,label\n1,0\n"),
    ],
)
def test_wrong_labels_of_dfdc_are_refused(tmp_path, name, text):
    touch(tmp_path, "test/a.mp4")
    (tmp_path / "test" / name).write_text(text)
    with pytest.raises(InputError, match=name):
        read_corpus("dfdc", tmp_path)


@pytest.mark.parametrize("name", CORPORA)
def test_an_empty_or_missing_folder_is_an_input_error(name, tmp_path):
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError):
            read_corpus(name, root)


def test_an_unknown_corpus_is_named():
    with pytest.raises(InputError, match="imagenet"):
        read_corpus("imagenet", ".")
