"""Networks in int8: calibrated by NNCF on training clips, judged on validation clips.

Of the animator it is the synthesis, and the extractor and the motion field that encoders run; only
what convolutions read is quantised: what is made of their results, keypoints, the motion field and
the final pixels, stays in float32. Of the upscaler it is what makes 256 pixels of 128 and of 64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import openvino

from thcodec.bitstream.header import StillCodec
from thcodec.errors import ThvError
from thcodec.evaluate.clips import find_clips, read_frames
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.models.animator import Animator, Extraction
from thcodec.models.catalogue import find_network
from thcodec.models.esrgan import on_openvino
from thcodec.models.esrgan.on_openvino import OnOpenVino
from thcodec.models.esrgan.upscaler import NetworkUpscaler, network_input
from thcodec.models.face_vid2vid.animator import CompactAnimator, PreparedSource, placed
from thcodec.models.face_vid2vid.openvino_networks import (
    Compiled,
    OpenVinoNetworks,
    convert_weights,
    converted,
    inputs_of,
    part_of,
)
from thcodec.models.openvino_files import Part, write
from thcodec.models.registry import find_weights, load_animator, load_upscaler, sha256_of
from thcodec.models.runtime import default_threads
from thcodec.motion.keypoints import Motion
from thcodec.pipeline.config import ALIGNMENT
from thcodec.pipeline.quality import psnr
from thcodec.sources.stills import resize_still
from thcodec.train.stills import coded

# What stands between the convolutions: making the field of masks, sampling, mixing, adding up.
# There an error would move the picture, or take its grey levels where it shares a scale with
# features. Of the motion field it is the deep levels too, which cost little and move whole regions;
# of the extractor the close-ups, which cost as little, and what places keypoints.
FLOAT32 = (
    r".*\b(motion|generator)/(?!aten::_convolution).*",
    r".*\bmotion\.hourglass\.(down\.[12]|up\.0|fuse\.0)\..*",
    r".*\bextractor[./](?!face\.).*",
    r".*\bextractor\.face(/|\.(heat|depth|canonical)).*",
    r"^(__module/|aten::).*",
)
# Pooling in int8 takes OpenVINO eight times as long as in float32.
_FLOAT32_TYPES = ["GroupConvolution", "Interpolate", "AvgPool"]
_DISTANCE = 40  # frames from the source to the driving frames
_STILL_QUALITY = 60

_Inputs = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Judgement:
    """Means over validation frames: ST-LPIPS and PSNR (dB) of either network's pictures against
    the frames, and PSNR of one against the other."""

    frames: int
    stlpips_f32: float
    stlpips_int8: float
    psnr_f32: float
    psnr_int8: float
    psnr_between: float

    @property
    def worse(self) -> float:
        """By how much ST-LPIPS is worse in int8, as a share."""
        return self.stlpips_int8 / self.stlpips_f32 - 1

    def as_dict(self) -> dict[str, float]:
        """For a report."""
        return {**asdict(self), "worse": self.worse}


def quantise_synthesis(
    data: Path,
    weights: Path | None,
    *,
    size: int,
    clips: int,
    worst: float,
    folder: Path | None = None,
) -> tuple[Path | None, Judgement]:
    """Quantise the synthesis of a weights file and write it where the int8 runtime looks for it;
    None where it is too much worse for that, and what lay there stays.

    Args:
        data: holds train256 for calibration and val256 for the judgement; see ``_clips``.
        weights: None: as ``load_animator`` finds them.
        size: of the pictures, pixels.
        clips: of each split, so many evenly spread ones.
        worst: share by which ST-LPIPS may be worse.
        folder: where to, None: beside the weights.

    Raises ThvError without NNCF or ST-LPIPS, MediaError without clips, WeightsError.
    """
    path = find_weights(str(find_network("compact").file), weights)
    sha256 = sha256_of(path)
    animator = load_animator(weights=path, size=size, runtime="openvino")
    learnt, judged = _clips(data, size, clips)
    calibration = [inputs for inputs, _ in samples(animator, learnt)]
    quantised = _quantised(convert_weights(path, "synthesise", size), calibration, FLOAT32)
    inputs, frames = zip(*samples(animator, judged), strict=True)
    threads = default_threads()
    plain, other = (
        [out[0][0] for out in Compiled(model, threads, threads).each(inputs)]
        for model in (converted(path, sha256, "synthesise", size), quantised)
    )
    part = part_of(path, sha256, "synthesise", size)
    return _kept(part, quantised, judge(frames, plain, other), worst, folder)


def quantise_seeing(
    part: str,
    data: Path,
    weights: Path | None,
    *,
    size: int,
    clips: int,
    worst: float,
    folder: Path | None = None,
) -> tuple[Path | None, Judgement]:
    """The same for a part that encoders alone run, "extract" or the "field" that they align with:
    by what the synthesis in float32 makes of frames that were seen and aligned with either."""
    path = find_weights(str(find_network("compact").file), weights)
    sha256 = sha256_of(path)
    animator = load_animator(weights=path, size=size, runtime="openvino")
    learnt, judged = _clips(data, size, clips)
    calibration = [
        inputs
        for shot in _shots(animator, learnt)
        for inputs in (shot.pictures() if part == "extract" else shot.fields())
    ]
    quantised = _quantised(convert_weights(path, part, size), calibration, FLOAT32)

    def find(name: str) -> openvino.Model:
        return quantised if name == part else converted(path, sha256, name, size)

    other = CompactAnimator(OpenVinoNetworks(find, None, live=False), animator.identity, size)
    frames: list[np.ndarray] = []
    pictures: list[list[np.ndarray]] = []
    for each in (animator, other):
        shots = list(_shots(each, judged))
        frames = [frame for shot in shots for _, _, frame in shot.driving]
        pictures.append([picture for shot in shots for picture in shot.aligned(each)])
    judgement = judge(frames, *pictures)
    return _kept(part_of(path, sha256, part, size), quantised, judgement, worst, folder)


def quantise_upscaler(
    data: Path,
    weights: Path | None,
    *,
    scale: int,
    clips: int,
    worst: float,
    folder: Path | None = None,
) -> tuple[Path | None, Judgement]:
    """The same for the upscaler ``face``, by what it makes of stills of 256 / scale pixels."""
    path = find_weights(str(find_network("face").file), weights)
    part = on_openvino.part_of(path, sha256_of(path), scale)
    convert = partial(on_openvino.convert, path, scale)
    learnt, judged = _clips(data, 256, clips)
    calibration = [(network_input(still),) for still, _ in _stills(learnt, scale)]
    quantised = _quantised(convert(), calibration, ())
    stills, frames = zip(*_stills(judged, scale), strict=True)
    identity = load_upscaler("face", weights=path).identity
    plain, other = (
        [upscaler.upscale(still, len(frame)) for still, frame in zip(stills, frames, strict=True)]
        for upscaler in (
            NetworkUpscaler(OnOpenVino({scale: model}), (scale,), identity)
            for model in (part.converted(convert), quantised)
        )
    )
    return _kept(part, quantised, judge(frames, plain, other), worst, folder)


def _quantised(
    model: openvino.Model, calibration: Sequence[_Inputs], kept: Sequence[str]
) -> openvino.Model:
    """The model with int8 convolutions, but for those that ``kept`` patterns name."""
    try:
        import nncf
    except ImportError:
        raise ThvError("quantising needs NNCF: pip install 'thcodec[quantise]'") from None
    return nncf.quantize(
        model,
        nncf.Dataset(calibration),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(patterns=list(kept), types=_FLOAT32_TYPES, validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            disable_bias_correction=True,  # ST-LPIPS is the better for it
        ),
    )


def _kept(
    part: Part,
    quantised: openvino.Model,
    judgement: Judgement,
    worst: float,
    folder: Path | None,
) -> tuple[Path | None, Judgement]:
    """Write what is good enough."""
    if judgement.worse > worst:
        return None, judgement
    made = part.file(folder or part.weights.parent, int8=True)
    write(quantised, made, part.sha256, half=True)
    return made, judgement


def judge(
    frames: Sequence[np.ndarray], plain: Sequence[np.ndarray], quantised: Sequence[np.ndarray]
) -> Judgement:
    """Both networks' pictures against the frames they should show. Raises ThvError without
    ST-LPIPS."""
    stlpips = load_stlpips()
    if stlpips is None:
        raise ThvError("judging needs ST-LPIPS: pip install --no-deps stlpips-pytorch==0.0.2")
    distances = [float(np.mean(stlpips(list(frames), list(made)))) for made in (plain, quantised)]
    pairs = ((frames, plain), (frames, quantised), (plain, quantised))
    levels = [float(np.mean([psnr(a, b) for a, b in zip(*pair, strict=True)])) for pair in pairs]
    return Judgement(len(frames), *distances, *levels)


def _stills(clips: Sequence[Path], scale: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coded stills of the first frames of clips, each with its frame."""
    frames = [read_frames(clip, 1)[0] for clip in clips]
    small = (resize_still(frame, len(frame) // scale) for frame in frames)
    stills = [coded(still, StillCodec.WEBP, _STILL_QUALITY) for still in small]
    return list(zip(stills, frames, strict=True))


def _clips(data: Path, size: int, most: int) -> tuple[list[Path], list[Path]]:
    """Clips to calibrate with, and clips to judge by: of train and val, so many evenly spread ones
    of each. Where there is no val of a size, every other training clip is left for the judgement.
    """
    train, val = find_clips(data / f"train{size}"), data / f"val{size}"
    splits = (train, find_clips(val)) if val.is_dir() else (train[::2], train[1::2])
    learnt, judged = (split[:: max(1, len(split) // most)][:most] for split in splits)
    return learnt, judged


@dataclass(frozen=True)
class _Shot:
    """A source as live streams have it, and frames with their motion relative to it."""

    source: PreparedSource
    first: Extraction
    own: Motion
    driving: list[tuple[Extraction, Motion, np.ndarray]]

    def inputs(self) -> Iterator[_Inputs]:
        """Of the synthesis, for each frame."""
        return inputs_of(placed(self.source, [motion for _, motion, _ in self.driving]))

    def fields(self) -> Iterator[_Inputs]:
        """Of the motion field, for each frame."""
        return ((self.first.scene.small[None], *inputs[-3:]) for inputs in self.inputs())

    def pictures(self) -> Iterator[_Inputs]:
        """Of the extractor, for each frame."""
        return ((frame[None],) for _, _, frame in self.driving)

    def aligned(self, animator: Animator) -> list[np.ndarray]:
        """The frames, as an encoder aligns them when there is none before."""
        motions = []
        for seen, motion, _ in self.driving:
            drift, first = np.zeros_like(motion.expression), self.first
            between = motion, drift, seen, first.canonical, self.own, first
            motions.append(animator.align(motion, *between, ALIGNMENT))
        return animator.animate(self.source, motions)


def samples(animator: Animator, clips: Sequence[Path]) -> list[tuple[_Inputs, np.ndarray]]:
    """Inputs of the synthesis from clips, each with the frame it should show."""
    return [
        (inputs, frame)
        for shot in _shots(animator, clips)
        for inputs, (_, _, frame) in zip(shot.inputs(), shot.driving, strict=True)
    ]


def _shots(animator: Animator, clips: Sequence[Path]) -> Iterator[_Shot]:
    """Sources are coded as live streams do, without the upscaler's network."""
    upscaler = load_upscaler("lanczos")
    for clip in clips:
        frames = read_frames(clip, 2 * _DISTANCE + 1)[::_DISTANCE]
        first, *others = animator.extract(frames)
        own = animator.motion(first, first.canonical, first)
        still = resize_still(frames[0], len(frames[0]) // 2)
        picture = upscaler.upscale(coded(still, StillCodec.WEBP, _STILL_QUALITY), len(frames[0]))
        source = animator.prepare(picture, first.canonical, own)
        motions = [animator.motion(seen, first.canonical, first) for seen in others]
        yield _Shot(source, first, own, list(zip(others, motions, frames[1:], strict=True)))
