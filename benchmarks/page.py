"""Tables of ``benchmarks/README.md``, written by ``benchmarks.report``."""

from __future__ import annotations

from typing import Any


def rate_distortion(record: dict[str, Any]) -> str:
    """Targets, BD-rates and the points of thcodec."""
    goals = [
        [
            f"at most {row['kbps_at_most']:g} kbit/s",
            row["setting"] or "none is that small",
            _number(row["kbps"], ".2f"),
            _number(row["stlpips"], ".4f"),
            f"{row['stlpips_goal']:g}",
            _met(row["met"]),
        ]
        for row in record["targets"]
    ]
    rates = [
        [
            row["metric"],
            row["against"],
            _number(row["rate"], "+.0%"),
            str(row["clips"]),
            ", ".join(row["no_common_range"]) or "none",
            _number(row["overlap_of_ours"], ".0%"),
            _number(row["overlap_of_theirs"], ".0%"),
            "" if row["goal"] is None else f"{row['goal']:+.0%}: {_met(row['met'])}",
        ]
        for row in record["bd_rate"]
    ]
    points = [
        [
            point["setting"],
            f"{point['kbps']:.2f}",
            f"{point['psnr']:.2f}",
            f"{point['ssim']:.3f}",
            _number(point["stlpips"], ".4f"),
        ]
        for point in sorted(record["mean"]["thcodec"], key=lambda point: point["kbps"])
    ]
    checked = record["baselines"]
    words = (
        "No baselines of others were there to check bytes against."
        if checked is None
        else f"Bytes of {checked['points']} points of H.264, H.265 and AV1 agree with those "
        f"measured independently within {checked['largest_difference']:.1%}."
    )
    head = ["BD-rate on", "against", "mean", "clips", "no common range", "of our range"]
    head += ["of theirs", "goal"]
    clips = f"Mean over {len(record['clips'])} clips of up to {record['frames']} frames."
    return "\n\n".join(
        [
            markdown(["Rate", "best setting", "kbit/s", "ST-LPIPS", "goal", "met"], goals),
            markdown(head, rates),
            markdown(["thcodec", "kbit/s", "PSNR dB", "SSIM", "ST-LPIPS"], points),
            f"{clips} {words}",
        ]
    )


def seed_figures(record: dict[str, Any]) -> str:
    """Bytes at some intervals, crossovers beside the paper's claims."""
    shown = [key for key in ("1", "10", "20", "30", "60", "100") if _has(record, key)]
    rows = [
        [name, *(f"{curve[key]:,}" for key in shown)] for name, curve in record["curves"].items()
    ]
    lines = {"one full-size source": record["one_source"]}
    lines |= {f"H.264 CRF {crf}": size for crf, size in record["h264"].items()}
    rows += [[name, *[f"{size:,}"] * len(shown)] for name, size in lines.items()]
    crossings = [
        [name, "never up to 100" if interval is None else str(interval)]
        for name, interval in record["crossovers"].items()
    ]
    claims = "; ".join(f"{name} {interval}" for name, interval in record["claims"].items())
    return "\n\n".join(
        [
            markdown(["Bytes at an interval of", *shown], rows),
            markdown(["Stays below", "from interval"], crossings),
            f"{record['frames']} frames of {record['clip']}. The paper claims, of uncompressed "
            f"tensors and an H.264 it does not describe: {claims}. Its plot reads "
            f"{record['paper']['H.264']:.1g} bytes for H.264.",
        ]
    )


BUDGETS = (300, 500, 750, 1000, 1500, 2500, 4000)  # bytes a still


def upscale_rate(record: dict[str, Any]) -> str:
    """The best still within some budgets of bytes, without and with super resolution."""
    rows = []
    for budget in BUDGETS:
        cells = []
        for network in ("lanczos", "face"):
            within = [
                (point["stlpips"], f"{name.rpartition(' ')[0]} px q{point['quality']}", point)
                for name, points in record["curves"].items()
                for point in points
                if name.endswith(network) and point["bytes"] <= budget
            ]
            value, name, point = min(within, key=lambda row: row[0], default=(None, "-", None))
            cells += [name, _number(value, ".3f"), _number(point and point["psnr"], ".2f")]
        rows.append([str(budget), *cells])
    head = ["bytes a still", "best without", "ST-LPIPS", "PSNR dB", "best with the network"]
    head += ["ST-LPIPS", "PSNR dB"]
    return markdown(head, rows) + f"\n\nMean over {record['pictures']} pictures at 256x256."


def speed(record: dict[str, Any]) -> str:
    """Targets first, then milliseconds and frames a second."""
    goals = [
        [row["name"], f"{row['value']:.3g}", f"{row['goal']:g}", _met(row["met"])]
        for row in record["targets"]
    ]
    blocks = [markdown(["Target", "reached", "goal", ""], goals)]
    rows = [[name, f"{value:.2f}"] for name, value in record["stages_ms"].items()]
    blocks.append(markdown(["Stage", "ms"], rows))
    whole = {"torch": record["torch"]} | {
        f"{word} {key}": row
        for word, table in (
            ("device", "devices"),
            ("threads", "by_threads"),
            ("side", "by_size"),
            ("frames", "by_length"),
        )
        for key, row in record[table].items()
    }
    works = ("encode", "decode", "both")
    rows = [[name, *(f"{row[work]:.1f}" for work in works)] for name, row in whole.items()]
    blocks.append(markdown(["Frames a second", *works], rows))
    cost = " and ".join(
        f"{record['files'][f'{work}_cpu_s_per_minute']:.0f} s to {work}"
        for work in ("encode", "decode")
    )
    blocks.append(
        f"{record['frames']} frames of {record['clip']}, {record['threads']} threads unless said "
        f"otherwise. A minute of video takes {cost}, processor time."
    )
    return "\n\n".join(blocks)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _has(record: dict[str, Any], key: str) -> bool:
    return all(key in curve for curve in record["curves"].values())


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _met(met: bool | None) -> str:
    return {True: "met", False: "missed", None: ""}[met]
