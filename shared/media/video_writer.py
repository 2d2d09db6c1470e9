"""Write MP4: H.264 frames as they come, AAC in sync to the sample, nothing half done left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

from shared.beside import replacing, writing
from shared.errors import InputError
from shared.media.container import CONVERSION, MAX_FRAME_PIXELS
from shared.media.image import require_rgb

Samples = NDArray[np.float32]

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""Sample rates that AAC knows, Hz."""

_BITS_PER_SAMPLE = 5
_LARGEST_BITRATE = 160_000
_AUDIO_LEAD = Fraction(1, 2)
_NO_SETTINGS = "filter_units=remove_types=6"
"""NAL units of type 6 (SEI) hold the encoder's text and nothing that a decoder of these files needs."""
_BT709 = 1
_LIMITED_RANGE = 1
_LARGEST_SIDE = 16_384
# On 2 cores at crf 18, ms a frame at 256 px and 1024 px: superfast 1.2 and 17, veryfast 1.8 and 29, medium 4.3 and 58;
# veryfast's files are 40 % smaller than superfast's.
_PRESET = "veryfast"
# A fixed number, so that the same frames give the same bytes on every machine.
_THREADS = 4


class VideoWriter:
    """An MP4 file that appears whole or not at all.

    Pictures of odd width or height get their last column or row twice, because H.264 in 4:2:0 stores even sizes: the
    file is then one pixel larger. Colours are BT.709 and tagged so. Audio starts with the first frame; AAC's start-up
    delay is written to the file's edit list, so that players and :func:`shared.media.audio.read_audio` cut it off.
    Audio that is longer than the frames is kept to its end.

    Args:
        path: Ends in ``.mp4``.
        fps: Frames a second.
        size: (width, height) of the frames, px.
        audio: (mono samples in [-1, 1], rate in Hz), or (iterable of blocks of samples, rate): blocks are asked for as
            the frames come, so a long recording never sits in memory.
        crf: H.264 quality, 0 (lossless) to 51; 18 looks like the source.
        x264: Further parameters of the encoder, ``key=value`` joined by colons.
        bare: Leave out the text in which x264 tells how it encoded, and let the header be the same at any quality.
        comment: Text that the file carries as its ``comment``.

    Raises:
        InputError: If an argument is out of range, a frame has another size, the audio is not finite, or no frame came.
        OutputError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "grey.mp4"
        >>> with VideoWriter(place, 25, (64, 48)) as writer:
        ...     for _ in range(3):
        ...         writer.write(np.full((48, 64, 3), 128, np.uint8))
        >>> place.is_file()
        True
    """

    def __init__(
        self,
        path: str | Path,
        fps: Fraction | int,
        size: tuple[int, int],
        *,
        audio: tuple[Samples | Iterable[Samples], int] | None = None,
        crf: float = 18,
        x264: str = "",
        bare: bool = False,
        comment: str | None = None,
    ) -> None:
        self._path = Path(path)
        self._fps = Fraction(fps)
        self._size = (int(size[0]), int(size[1]))
        self._crf = crf
        self._x264 = ":".join(part for part in (x264, "stitchable=1" if bare else "") if part)
        self._bare = bare
        self._filter: BitStreamFilterContext | None = None
        self._comment = comment
        self._frames = 0
        self._audio = None if audio is None else _AudioFeed(*audio)
        self._check()

    def _check(self) -> None:
        if self._path.suffix.lower() != ".mp4":
            raise InputError(
                "a video is written as MP4", found=self._path.name, expected="a name ending in .mp4"
            )
        if not 0 < self._fps <= 1000:
            raise InputError("fps is out of range", found=self._fps, expected="0 < fps <= 1000")
        width, height = self._size
        if not (
            min(self._size) > 0
            and max(self._size) <= _LARGEST_SIDE
            and width * height <= MAX_FRAME_PIXELS
        ):
            raise InputError(
                "the frame size is out of range",
                found=self._size,
                expected="1 x 1 to 8192 x 8192 px",
            )
        if not 0 <= self._crf <= 51:
            raise InputError("crf is out of range", found=self._crf, expected="0 to 51")

    def __enter__(self) -> VideoWriter:
        """Open a file beside the target."""
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            with self._writing():
                self._container = av.open(
                    f"file:{temporary.absolute()}",
                    "w",
                    format="mp4",
                    container_options=self._mp4_options(),
                )
            stack.callback(self._container.close)
            self._open_streams()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish and rename the file, or remove it if anything was raised."""
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._finish()

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append one uint8 RGB frame ``(H, W, 3)``."""
        require_rgb(frame, self._size)
        width, height = self._size
        padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", **CONVERSION
        )
        picture.pts = self._frames
        picture.time_base = 1 / self._fps
        self._frames += 1
        with self._writing():
            self._mux_video(self._video.encode(picture))
        self._mux_audio(until=self._frames / self._fps + _AUDIO_LEAD)

    def _open_streams(self) -> None:
        options = {"crf": str(self._crf), "preset": _PRESET}
        if self._x264:
            options["x264-params"] = self._x264
        self._video = self._container.add_stream("libx264", rate=self._fps, options=options)
        self._video.width, self._video.height = (side + side % 2 for side in self._size)
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.thread_count = _THREADS
        context.color_range = _LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        if self._audio is not None:
            self._sound = self._container.add_stream("aac", rate=self._audio.rate, layout="mono")
            self._sound.bit_rate = min(_BITS_PER_SAMPLE * self._audio.rate, _LARGEST_BITRATE)
        if self._comment is not None:
            self._container.metadata["comment"] = self._comment

    def _mp4_options(self) -> dict[str, str]:
        # The edit list counts in this unit; the default of 1 ms would cut the sound up to 8 samples wrong.
        return {} if self._audio is None else {"movie_timescale": str(self._audio.rate)}

    def _mux_video(self, packets: list[Any]) -> None:
        """Write packets of the encoder; None after the last."""
        if self._bare and self._filter is None and packets:
            self._container.start_encoding()
            self._filter = BitStreamFilterContext(_NO_SETTINGS, self._video)
        for packet in packets:
            if self._filter is not None:
                self._container.mux(self._filter.filter(packet))
            elif packet is not None:
                self._container.mux(packet)

    def _mux_audio(self, until: Fraction | None) -> None:
        if self._audio is None:
            return
        for block in self._audio.frames(until):
            with self._writing():
                self._container.mux(self._sound.encode(block))

    def _finish(self) -> None:
        if self._frames == 0:
            raise InputError(f"no frame was given for {self._path}", fix="write at least one")
        with self._writing():
            self._mux_video([*self._video.encode(), None])
        self._mux_audio(until=None)
        with self._writing():
            if self._audio is not None:
                self._container.mux(self._sound.encode())
            self._container.close()

    def _writing(self) -> Any:
        return writing(self._path)


class _AudioFeed:
    """Blocks of samples, handed on as the frames ask for them."""

    def __init__(self, samples: Samples | Iterable[Samples], rate: int) -> None:
        if rate not in AAC_RATES:
            raise InputError(
                "AAC does not know this sample rate",
                found=rate,
                expected=AAC_RATES,
                fix="resample first",
            )
        self.rate = rate
        blocks = [samples] if isinstance(samples, np.ndarray) else samples
        # Pieces of a second: one block with the whole recording would else be encoded before the second frame.
        self._blocks = (
            block[at : at + rate] for block in blocks for at in range(0, len(block), rate)
        )
        self._position = 0

    def frames(self, until: Fraction | None) -> Iterator[Any]:
        """Give audio frames until the feed has reached ``until`` seconds, or its end if that is None."""
        while until is None or self._position < until * self.rate:
            block = next(self._blocks, None)
            if block is None:
                return
            yield self._frame(block)

    def _frame(self, samples: Samples) -> Any:
        mono = np.asarray(samples, np.float32)
        if mono.ndim != 1 or not np.isfinite(mono).all():
            raise InputError(
                "the audio is not mono or not finite",
                found=mono.shape,
                expected="(N,) finite samples",
            )
        frame = av.AudioFrame.from_ndarray(
            np.clip(mono, -1.0, 1.0)[None], format="fltp", layout="mono"
        )
        frame.sample_rate = self.rate
        frame.pts = self._position
        frame.time_base = Fraction(1, self.rate)
        self._position += len(mono)
        return frame
