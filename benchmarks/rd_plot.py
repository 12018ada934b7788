"""The curves of ``rate_distortion`` as SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLES = {
    "stlpips": "ST-LPIPS (lower is better)",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
}


def draw(means: dict[str, list[dict[str, Any]]], folder: Path, perceptual: bool) -> None:
    """Points of every codec over its rate, and the line of the best of them, a panel a metric."""
    from benchmarks.bd_rate import envelope

    pyplot = plotting()
    titles = {key: title for key, title in TITLES.items() if perceptual or key != "stlpips"}
    figure, axes = pyplot.subplots(1, len(titles), figsize=(6 * len(titles), 5), squeeze=False)
    for axis, (metric, title) in zip(axes[0], titles.items(), strict=True):
        sign = -1 if metric == "stlpips" else 1
        for index, (codec, points) in enumerate(means.items()):
            rates = [point["kbps"] for point in points]
            values = [point[metric] for point in points]
            line = envelope(rates, [sign * value for value in values])
            wide = 2.5 if codec == "thcodec" else 1.2
            axis.plot(
                line.rates, sign * line.qualities, color=f"C{index}", linewidth=wide, label=codec
            )
            axis.scatter(rates, values, color=f"C{index}", s=10)
        axis.set(xscale="log", xlabel="kbit/s", ylabel=title)
        axis.grid(alpha=0.3, which="both")
        for ticks in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
            ticks("{x:g}")
    axes[0, 0].legend(fontsize="small")
    save(figure, folder / "rate_distortion")


def plotting() -> Any:
    """matplotlib.pyplot, set up so that equal figures make equal files."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "thcodec"
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, path: Path) -> None:
    """Write a figure as .svg and .png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=110, metadata={"Software": None})
    plotting().close(figure)
    print(f"written: {path}.svg, .png")
