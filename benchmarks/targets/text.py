"""A small text encoder of CLIP's kind and its tokenizer, learnt from the captions at hand.

The tokenizer's pieces are learnt by byte pair encoding on the captions, so that a common word is one piece and any
other text can still be told apart by its letters; the encoder learns with the U-Net.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
_WORD = "</w>"


def learn_tokenizer(captions: Sequence[str], vocabulary: int, tokens: int) -> CLIPTokenizer:
    """Learn a CLIP tokenizer from captions.

    Args:
        captions: What to learn from.
        vocabulary: Entries at most.
        tokens: Longest text, with its begin and end.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix=_WORD))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    tokenizer.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=vocabulary - len(letters), special_tokens=[BEGIN, END],
            initial_alphabet=letters, end_of_word_suffix=_WORD, show_progress=False,
        ),
    )  # fmt: skip
    learnt = json.loads(tokenizer.to_str())["model"]
    vocabulary_of = dict(learnt["vocab"])
    for piece in [*letters, *(f"{letter}{_WORD}" for letter in letters)]:
        vocabulary_of.setdefault(piece, len(vocabulary_of))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in learnt["merges"]]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.json").write_text(json.dumps(vocabulary_of))
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        facts = {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": END}
        (Path(folder) / "tokenizer_config.json").write_text(
            json.dumps(facts | {"model_max_length": tokens, "tokenizer_class": "CLIPTokenizer"})
        )
        return CLIPTokenizer.from_pretrained(folder)


def build_text_encoder(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextModel:
    """Build a text encoder with random weights for a tokenizer's vocabulary and length."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width,
            num_hidden_layers=layers, num_attention_heads=max(width // 16, 1),
            max_position_embeddings=tokenizer.model_max_length, projection_dim=width,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def tokens_of(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> list[list[int]]:
    """Return the padded token numbers of captions, as the pipeline makes them."""
    found: list[list[int]] = tokenizer(
        list(captions), padding="max_length", truncation=True,
        max_length=tokenizer.model_max_length,
    )["input_ids"]  # fmt: skip
    return found
