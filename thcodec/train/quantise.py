"""The synthesis in int8: calibrated by NNCF on training clips, judged on validation clips.

Only what convolutions read is quantised. What is made of their results, the motion field and the
final pixels, stays in float32.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openvino

from thcodec.errors import ThvError
from thcodec.evaluate.clips import find_clips, read_frames
from thcodec.evaluate.perceptual import load_stlpips
from thcodec.models import openvino_files
from thcodec.models.animator import Animator
from thcodec.models.catalogue import find_network
from thcodec.models.face_vid2vid.animator import placed
from thcodec.models.face_vid2vid.openvino_networks import Compiled, inputs_of
from thcodec.models.registry import find_weights, load_animator, load_upscaler, sha256_of
from thcodec.models.runtime import default_threads
from thcodec.pipeline.quality import psnr
from thcodec.sources.stills import StillCodec, resize_still
from thcodec.train.stills import coded

# What stands between the convolutions: making the field of masks, sampling, mixing, adding up.
# There an error would move the picture, or take its grey levels where it shares a scale with
# features.
FLOAT32 = (r".*\bnet\.motion/(?!aten::_convolution).*", r".*\bnet\.generator/.*", r"^__module/.*")
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


def quantise(
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
        data: holds train256 for calibration and val256 for the judgement.
        weights: None: as ``load_animator`` finds them.
        size: of the pictures, pixels.
        clips: of each split, so many evenly spread ones.
        worst: share by which ST-LPIPS may be worse.
        folder: where to, None: beside the weights.

    Raises ThvError without NNCF or ST-LPIPS, MediaError without clips, WeightsError.
    """
    try:
        import nncf
    except ImportError:
        raise ThvError("quantising needs NNCF: pip install 'thcodec[quantise]'") from None
    path = find_weights(str(find_network("compact").file), weights)
    sha256 = sha256_of(path)
    animator = load_animator(weights=path, size=size, runtime="openvino")
    model = openvino_files.convert_weights(path, "synthesise", size)
    calibration = [inputs for inputs, _ in samples(animator, data / f"train{size}", clips)]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(calibration),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(
            patterns=list(FLOAT32), types=["GroupConvolution"], validate=False
        ),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            # Moves what is large in an activation's channels into the kernels.
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(convolution=0.5),
        ),
    )
    plain = openvino_files.converted(path, sha256, size)("synthesise")
    judgement = judge(plain, quantised, samples(animator, data / f"val{size}", clips))
    if judgement.worse > worst:
        return None, judgement
    made = openvino_files.part_file(folder or path.parent, path, "synthesise", size, int8=True)
    openvino_files.write(quantised, made, sha256, half=True)
    return made, judgement


def judge(
    plain: openvino.Model,
    quantised: openvino.Model,
    judged: list[tuple[_Inputs, np.ndarray]],
) -> Judgement:
    """Both networks' pictures against the frames they should show. Raises ThvError without
    ST-LPIPS."""
    stlpips = load_stlpips()
    if stlpips is None:
        raise ThvError("judging needs ST-LPIPS: pip install --no-deps stlpips-pytorch==0.0.2")
    threads = default_threads()
    made = [
        [out[0][0] for out in Compiled(model, threads, threads).each(each for each, _ in judged)]
        for model in (plain, quantised)
    ]
    frames = [frame for _, frame in judged]
    distances = [float(np.mean(stlpips(frames, pictures))) for pictures in made]
    pairs = ((frames, made[0]), (frames, made[1]), made)
    levels = [float(np.mean([psnr(a, b) for a, b in zip(*pair, strict=True)])) for pair in pairs]
    return Judgement(len(frames), *distances, *levels)


def samples(animator: Animator, folder: Path, clips: int) -> list[tuple[_Inputs, np.ndarray]]:
    """Inputs of the synthesis from clips of a folder, each with the frame it should show; sources
    are coded as the codec does."""
    found = find_clips(folder)
    found = found[:: max(1, len(found) // clips)][:clips]
    upscaler = load_upscaler("lanczos")
    result: list[tuple[_Inputs, np.ndarray]] = []
    for clip in found:
        frames = read_frames(clip, 2 * _DISTANCE + 1)[::_DISTANCE]
        first, *others = animator.extract(frames)
        own = animator.motion(first, first.canonical, first)
        still = resize_still(frames[0], len(frames[0]) // 2)
        picture = upscaler.upscale(coded(still, StillCodec.WEBP, _STILL_QUALITY), len(frames[0]))
        source = animator.prepare(picture, first.canonical, own)
        for seen, frame in zip(others, frames[1:], strict=True):
            motion = animator.motion(seen, first.canonical, first)
            result.append((next(inputs_of(placed(source, [motion]))), frame))
    return result
