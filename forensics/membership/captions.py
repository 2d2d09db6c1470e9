"""Captions of the pictures under audit: from a table, or from a captioning model on this machine."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from shared.errors import InputError, WeightsError

_COLUMNS = ("image", "caption")


def read_captions(path: str | Path, images: Sequence[str | Path]) -> list[str]:
    """Return the captions of pictures from a CSV with the columns ``image`` and ``caption``.

    A row belongs to the picture whose path ends in what the row says, part by part, so ``a.png``, ``faces/a.png`` and
    the whole path all do. An empty caption is allowed.

    Args:
        path: The CSV, UTF-8, with a header.
        images: The pictures.

    Raises:
        InputError: If there is no such file, a column is missing, a picture has no row, or two that differ.
    """
    table = _table(Path(path))
    return [_find(table, Path(image), path) for image in images]


class Captioner:
    """A captioning model of transformers (BLIP, GIT, ...) from a local folder, safetensors only.

    Args:
        folder: What ``save_pretrained`` wrote: the model and its processor.
        device: Where it runs.

    Raises:
        WeightsError: If there is no such model in the folder.
    """

    def __init__(self, folder: str | Path, *, device: str | torch.device = "cpu") -> None:
        if not Path(folder).is_dir():
            raise WeightsError(f"no captioner at {folder}", fix="give the folder of a local model")
        import transformers

        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(folder, **options)
            model = transformers.AutoModelForImageTextToText.from_pretrained(
                folder, use_safetensors=True, **options
            )
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(
                f"the captioner in {folder} cannot be loaded",
                found=str(error).splitlines()[0],
                expected="an image-to-text model and its processor",
            ) from error
        self._model = model.eval().to(device)
        self._device = torch.device(device)

    @torch.no_grad()
    def captions(self, images: Iterable[torch.Tensor], *, max_tokens: int = 30) -> list[str]:
        """Return one caption a picture by greedy decoding, so that it is the same each time.

        Args:
            images: Each ``(3, H, W)`` RGB in [0, 1].
            max_tokens: Longest caption.
        """
        return [self._caption(image, max_tokens) for image in images]

    def _caption(self, image: torch.Tensor, max_tokens: int) -> str:
        rgb = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        pixels = self._processor(images=rgb, return_tensors="pt").pixel_values.to(self._device)
        tokens = self._model.generate(
            pixel_values=pixels, max_new_tokens=max_tokens, do_sample=False, num_beams=1
        )
        text: str = self._processor.batch_decode(tokens, skip_special_tokens=True)[0]
        return text.strip()


def _table(path: Path) -> dict[tuple[str, ...], str]:
    if not path.is_file():
        raise InputError(f"no caption file at {path}", fix="check the path")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks a column",
                    found=", ".join(reader.fieldnames or ()) or "an empty file",
                    expected="image,caption",
                )
            rows = [(str(row["image"]), (row["caption"] or "").strip()) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV in UTF-8", found=error) from error
    table: dict[tuple[str, ...], str] = {}
    for image, caption in rows:
        parts = Path(image.strip()).parts
        if table.setdefault(parts, caption) != caption:
            raise InputError(f"{path} has two captions for one picture", found=image)
    return table


def _find(table: dict[tuple[str, ...], str], image: Path, source: str | Path) -> str:
    # the most specific row wins: the whole path, then ever shorter ends of it
    for start in range(len(image.parts)):
        if (caption := table.get(image.parts[start:])) is not None:
            return caption
    raise InputError(
        f"{source} has no caption for a picture",
        found=image.name,
        fix="add a row (the caption may be empty), or give one caption for all",
    )
