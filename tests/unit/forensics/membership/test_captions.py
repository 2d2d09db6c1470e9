from __future__ import annotations

import pytest
import torch

from forensics.membership.captions import Captioner, read_captions
from shared.errors import InputError, WeightsError


def table(tmp_path, text: str):
    path = tmp_path / "captions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_belong_to_the_paths_that_end_in_them(tmp_path):
    path = table(
        tmp_path,
        'caption,image\n"an old man, smiling",a.png\n,b.png\nthe other a,other/a.png\nä,sub/ö.png\n',
    )
    images = [tmp_path / "a.png", "b.png", "x/other/a.png", "sub/ö.png"]
    assert read_captions(path, images) == ["an old man, smiling", "", "the other a", "ä"]


def test_a_spreadsheets_byte_order_mark_is_no_column_name(tmp_path):
    path = table(tmp_path, "\ufeffimage,caption\na.png,one\n")
    assert read_captions(path, ["a.png"]) == ["one"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,caption\nb.png,one\n", "no caption for a picture.*a.png"),
        ("image,caption\nba.png,one\n", "no caption for a picture.*a.png"),
        ("image,text\na.png,one\n", "lacks a column"),
        ("", "lacks a column"),
        ("image,caption\na.png,one\na.png,two\n", "two captions"),
    ],
)
def test_unusable_tables_are_refused_in_words(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_captions(table(tmp_path, text), ["a.png"])


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no caption file"):
        read_captions(tmp_path / "nowhere.csv", ["a.png"])
    (tmp_path / "binary.csv").write_bytes(b"image,caption\n\xff\xfe,\x00")
    with pytest.raises(InputError, match="no CSV"):
        read_captions(tmp_path / "binary.csv", ["a.png"])


def _tiny_blip(folder) -> None:
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "an", "old", "man"]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    text = {
        "vocab_size": 9,
        "hidden_size": 8,
        "encoder_hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "bos_token_id": 5,
        "eos_token_id": 3,
        "sep_token_id": 3,
        "pad_token_id": 0,
    }
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    config = BlipConfig(text_config=text, vision_config=vision)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BlipForConditionalGeneration(config).save_pretrained(folder)
    images = BlipImageProcessor(size={"height": 16, "width": 16})
    BlipProcessor(images, tokenizer).save_pretrained(folder)


def test_a_local_captioner_says_the_same_each_time(tmp_path):
    _tiny_blip(tmp_path)
    captioner = Captioner(tmp_path)
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    first = captioner.captions(images, max_tokens=4)
    assert len(first) == 2
    assert all(isinstance(caption, str) for caption in first)
    assert captioner.captions(images, max_tokens=4) == first


def test_a_folder_without_a_captioner_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no captioner"):
        Captioner(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        Captioner(tmp_path)
