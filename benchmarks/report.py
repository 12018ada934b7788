"""Writes benchmarks/results/ into the README, benchmarks/README.md and the model cards, between
their markers.

``python -m benchmarks.report --check`` only tells whether they are up to date.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import common, page, upscale
from benchmarks.page import markdown

README = common.ROOT / "README.md"
PAGE = common.ROOT / "benchmarks" / "README.md"
WEIGHTS = common.ROOT / "thcodec" / "models" / "weights"
MODEL_CARD = WEIGHTS / "compact-7.md"
UPSCALER_CARD = WEIGHTS / "face-1.md"


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=common.RESULTS)
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--card", type=Path, default=MODEL_CARD)
    parser.add_argument("--upscaler-card", type=Path, default=UPSCALER_CARD)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    names = [name for name in SECTIONS if name not in CARD_ONLY | PAGE_ONLY]
    everything = "\n\n".join(section(options.results, name) for name in names)
    blocks = (
        (options.readme, "figures", everything),
        *((options.page, name, section(options.results, name)) for name in sorted(PAGE_ONLY)),
        *((options.card, name, section(options.results, name)) for name in CARD),
        (options.upscaler_card, "upscale", section(options.results, "upscale")),
    )
    for path, marker, block in blocks:
        before = path.read_text()
        after = insert(before, marker, block)
        if options.check and before != after:
            raise SystemExit(f"{path.name} does not show benchmarks/results: make report")
        if not options.check:
            path.write_text(after)


def insert(text: str, marker: str, block: str) -> str:
    """`text` with what stands between ``<!-- marker -->`` and ``<!-- /marker -->`` replaced.

    Raises ValueError when a marker is missing.
    """
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    head, begins, rest = text.partition(begin)
    _, ends, tail = rest.partition(end)
    if not begins or not ends:
        raise ValueError(f"there is no {begin} ... {end}")
    return f"{head}{begin}\n{block}\n{end}{tail}"


def section(results: Path, name: str) -> str:
    """One table with its origin, as Markdown."""
    path = results / f"{name}.json"
    if not path.is_file():
        command = name.replace("ablation_", "ablations ")
        return f"*Not measured yet: `python -m benchmarks.{command}`.*"
    record = json.loads(path.read_text())
    machine = record["machine"]
    origin = f"`{record['made_by']}`, {machine['cores']} cores, {machine['processor']}"
    return f"{SECTIONS[name](record)}\n\n{origin}"


def _quality(record: dict[str, Any]) -> str:
    rows = []
    titles = {
        ("full", "repeat"): "full-size source, repeated",
        ("full", "animator"): "full-size source, animated",
        ("coded", "repeat"): "coded source, repeated",
        ("coded", "animator"): "coded source and motion, animated",
    }
    for (setting, way), title in titles.items():
        means = record["mean"][setting][way]
        rows.append(
            [title, f"{means['psnr']:.2f}", f"{means['ssim']:.3f}", _or_dash(means["stlpips"])]
        )
    head = [
        "Frame t from frame t - " + str(record["distance_frames"]),
        "PSNR dB",
        "SSIM",
        "ST-LPIPS",
    ]
    return markdown(head, rows) + f"\n\nMean over {len(record['clips'])} clips."


def _evaluate(record: dict[str, Any]) -> str:
    mean, cost, seed = record["mean"], record["cost"], record["seed"]
    rows = []

    def scores(name: str, ours: dict[str, float], beside: dict[str, float], goals: str) -> None:
        both = (
            f"{part['psnr']:.2f} / {part['ssim']:.3f} / {part['stlpips']:.4f}"
            for part in (ours, beside)
        )
        rows.append([name, *both, goals])

    def seen(name: str, *counts: dict[str, int], goal: str = "") -> None:
        found, events = (sum(count[key] for count in counts) for key in ("seen", "events"))
        rows.append([name, f"{found} of {events} = {found / max(events, 1):.0%}", "", goal])

    one, several = mean["one"], mean["several"]
    scores("one source", one["animated"], one["repeated"], "23.5 / 0.72 / 0.060")
    scores("source every 50", several["animated"], several["repeated"], "25.5 / 0.79 / 0.040")
    if seed:
        name = f"the paper's clip, every {seed['interval']} (beside it: the paper)"
        scores(name, seed["ours"]["animated"], seed["paper"], "better in all")
    identity, still = mean["identity"], mean["identity_repeated"]
    rows.append(["identity, cosine", f"{identity:.3f}", f"{still:.3f}", "0.75"])
    for part, goal in (("both", "6 %"), ("eyes", ""), ("mouth", "")):
        found = (f"{mean[key][part]:.1%}" for key in ("landmarks", "landmarks_repeated"))
        rows.append([f"landmark error, {part}", *found, goal])
    blinks, mouths = mean["blinks"], mean["mouth_openings"]
    seen("blinks and mouth openings seen", blinks, mouths, goal="70 %")
    seen("blinks", blinks)
    seen("mouth openings", mouths)
    for part in ("face", "background"):
        ratio = mean["shimmer"][part]["ratio"]
        rows.append([f"shimmer of a still {part}", f"{ratio:.2f}", "", "1.2"])
    rows.append(["parameters", f"{cost['parameters'] / 1e6:.2f} M", "", "12 M"])
    flops = f"{cost['decoder']:.1f}; {cost['encoder']:.1f}"
    rows.append(["GFLOP a frame, decoder; encoder", flops, "", "20; 5"])
    head = ["PSNR dB / SSIM / ST-LPIPS", "animated", "repeated", "goal"]
    return markdown(head, rows) + f"\n\nMean over {len(record['clips'])} clips."


def _rate(record: dict[str, Any]) -> str:
    means, clips = record["mean"], record["clips"].values()
    titles = {
        "file_bytes_per_frame": "motion, file mode, bytes a frame",
        "live_bytes_per_frame": "motion, live mode, bytes a frame",
        "quantisation_cost_db": "cost of quantised motion, dB PSNR",
    }
    rows = [
        [title, f"{means[key]:.3g}", f"{max(clip[key] for clip in clips):.3g}"]
        for key, title in titles.items()
    ]
    return markdown(["Framing included", "mean", "worst clip"], rows)


def _interval(record: dict[str, Any]) -> str:
    rows = []
    for name, means in record["mean"].items():
        still, _, interval = name.rpartition(", ")
        rates = [f"{means[key]:.1f}" for key in ("kbps", "source", "motion")]
        scores = [f"{means['psnr']:.2f}", f"{means['ssim']:.3f}", _or_dash(means["stlpips"])]
        rows.append([still, interval, *rates, *scores])
    head = ["Still", "interval", "kbit/s", "of sources", "of motion", "PSNR dB", "SSIM", "ST-LPIPS"]
    return markdown(head, rows) + f"\n\nMean over {record['clips']} clips at 25 frames a second."


def _transitions(record: dict[str, Any]) -> str:
    rows = []
    for name, found in record["median"].items():
        policy, _, shown = name.partition(", ")
        indices = [f"{found[key]:.2f}" for key in ("stlpips", "pixels")]
        rows.append([policy, shown, *indices, f"{found['distance']:.4f}", f"{found['psnr']:.2f}"])
    head = ["Policy", "switch", "teleport index, ST-LPIPS", "in pixels"]
    head += ["ST-LPIPS, fourth frame", "PSNR dB, fourth frame"]
    clips = next(iter(record["clips"].values()))
    switches = sum(len(found["pixels"]) for found in clips.values())
    text = f"Medians over {switches} switches in {len(clips)} clips, "
    text += f"a source every {record['interval']} frames. Index 0: as smooth as the original."
    return markdown(head, rows) + f"\n\n{text}"


def _policies(record: dict[str, Any]) -> str:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    rows = []
    for name, means in record["mean"].items():
        rates = [f"{means[key]:.1f}" for key in ("kbps", "source", "motion")]
        counts = [f"{means[key]:.1f}" for key in ("sources", "switches")]
        scores = [f"{means['psnr']:.2f}", f"{means['ssim']:.3f}", _or_dash(means["stlpips"])]
        saved = [share(means["source_saving"]), share(means["saving"])]
        rows.append([name, *rates, *counts, *scores, *saved])
    head = ["Policy", "kbit/s", "of sources", "of motion", "sources", "switches", "PSNR dB", "SSIM"]
    head += ["ST-LPIPS", "fewer source bytes than interval at this ST-LPIPS", "fewer bytes"]
    clips, eyes = len(record["clips"]), list(record["eyes"].values())
    text = f"{markdown(head, rows)}\n\nMean over {clips} clips of up to {record['frames']} frames."
    if not eyes:
        return text
    openings = [[name, share(sum(e[name] for e in eyes) / len(eyes))] for name in eyes[0]]
    table = markdown(["First frame with shut eyes", "decoded eyes open, of the original"], openings)
    return f"{text}\n\n{table}\n\nMean over the {len(eyes)} of these clips where eyes shut."


def _paper_outputs(record: dict[str, Any]) -> str:
    rows = []
    kinds = {"no_esrgan": "full size", "esrgan": "64x64, super resolution"}
    for name, row in record["rows"].items():
        kind, interval, whose = name.split(", ")
        scores = [f"{row['psnr']:.2f}", f"{row['ssim']:.3f}", _or_dash(row["stlpips"], 4)]
        rate = "-" if row["kbps"] is None else f"{row['kbps']:.1f}"
        rows.append([kinds[kind], interval, whose, *scores, f"{row['index']:.1f}", rate])
    head = ["Stills", "every", "", "PSNR dB", "SSIM", "ST-LPIPS", "teleport index", "kbit/s"]
    text = f"The paper's driving clip, {record['frames']} frames, and its authors' own outputs."
    return markdown(head, rows) + f"\n\n{text}"


def _colours(record: dict[str, Any]) -> str:
    rows = [
        [name, f"{found['brightness']:.2f}", f"{found['pixels']:.2f}", f"{found['psnr']:.2f}"]
        for name, found in record["mean"].items()
    ]
    head = ["New source tinted like the old", "largest step in brightness", "in pixels"]
    head.append("PSNR dB, next second")
    return markdown(head, rows) + f"\n\nMean over {record['switches']} switches; grey levels."


def _memory(record: dict[str, Any]) -> str:
    rows = [
        [
            work,
            f"{record['short_mb'][work]:.0f} MB",
            f"{record['long_mb'][work]:.0f} MB",
            f"{record['ratio'][work]:.3f}",
        ]
        for work in ("encode", "decode")
    ]
    short, long = record["short_seconds"], record["long_seconds"]
    return markdown(["Peak memory", f"{short} s clip", f"{long} s clip", "ratio"], rows)


def _runtimes(record: dict[str, Any]) -> str:
    parts, flop = record["parts_ms"], record["gflop"]
    work = {"extract": "encoder", "prepare": "source", "synthesise": "decoder"}
    rows = []
    for name, taken in parts.items():
        speed = {part: flop[work[part]] / ms * 1000 for part, ms in taken.items()}
        cells = [f"{ms:.1f} ({speed[part]:.0f})" for part, ms in taken.items()]
        ratio = parts["torch"]["synthesise"] / taken["synthesise"]
        files = record.get("files_fps", {}).get(name, {})
        rates = [f"{files[key]:.0f}" if files else "-" for key in ("encode", "decode")]
        rows.append([name, *cells, f"{ratio:.2f}", *rates])
    head = ["Runtime", *(f"{part}, ms (GFLOP/s)" for part in work), "against torch"]
    head += ["file encode, frames/s", "file decode, frames/s"]
    stages = [[name, f"{ms:.2f}"] for name, ms in record["stages_ms"].items()]
    return (
        markdown(head, rows) + f"\n\nProcessor time of one thread; its best convolution: "
        f"{record['convolution_gflops']:.0f} GFLOP/s, in int8 {record['int8_gflops']:.0f}. "
        f"Files: {record['threads']} threads.\n\n"
        + markdown(["What is no network", "ms a frame"], stages)
    )


def _upscale(record: dict[str, Any]) -> str:
    return f"{upscale.table(record['settings'])}\n\nMean over {record['pictures']} pictures."


def _or_dash(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _loss(record: dict[str, Any]) -> str:
    rows = []
    for name, means in record["links"].items():
        ratio, pauses = means["stlpips_ratio"], (means["pause_mean_ms"], means["pause_95_ms"])
        rows.append(
            [
                name,
                f"{means['bytes_per_frame']:.1f}",
                f"{means['missing']:.0f}",
                f"{100 * means['concealed']:.1f} %",
                *(f"{pause:.0f}" for pause in (*pauses, means["pause_max_ms"])),
                f"{means['psnr']:.2f}",
                _or_dash(means["stlpips"]),
                f"{ratio:.2f}",
            ]
        )
    head = [
        "Link",
        "bytes a frame",
        "frames missing",
        "concealed",
        "pause, mean ms",
        "95 %",
        "longest",
    ]
    head += ["PSNR dB", "ST-LPIPS", "against no loss"]
    clips, frames = len(record["clips"]), record["frames"]
    text = (
        f"{clips} clips of up to {frames} frames, sources and all framing included; 50 ms each way."
    )
    return markdown(head, rows) + f"\n\n{text}"


def _ablation(choice: str, record: dict[str, Any]) -> str:
    rows = []
    for name, made in record["variants"].items():
        moved, painted = made["moved"], made["painted"]
        rows.append(
            [name]
            + [f"{one['psnr']:.2f}, {_or_dash(one['stlpips'], 4)}" for one in (moved, painted)]
        )
    head = [choice, "moved: PSNR dB, ST-LPIPS", "painted"]
    text = f"{record['steps']} steps of {record['batch']} pairs, the same for all."
    return markdown(head, rows) + f"\n\n{text}"


SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "evaluate": _evaluate,
    "quality": _quality,
    "rate": _rate,
    "interval": _interval,
    "transitions": _transitions,
    "colours": _colours,
    "paper_outputs": _paper_outputs,
    "policies": _policies,
    "memory": _memory,
    "loss": _loss,
    "runtimes": _runtimes,
    "upscale": _upscale,
    "rate_distortion": page.rate_distortion,
    "seed_figures": page.seed_figures,
    "upscale_rate": page.upscale_rate,
    "speed": page.speed,
    "ablation_depth": partial(_ablation, "planes of the volume"),
    "ablation_critic": partial(_ablation, "weight of the critic"),
}
PAGE_ONLY = {"rate_distortion", "seed_figures", "speed", "upscale_rate"}
ABLATIONS = ("ablation_depth", "ablation_critic")
CARD = ("quality", "evaluate", *ABLATIONS)
CARD_ONLY = {"upscale", *ABLATIONS}  # too long for the README

if __name__ == "__main__":
    main()
