"""``thcodec compare`` and ``encode --report``; the page opens in a browser, if one is here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import clips
from tests.cli.conftest import Run
from thcodec.evaluate.compare import metrics

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Page(HTMLParser):
    """Checks that tags are closed in order, and gathers what they would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra networks."""
    monkeypatch.setattr(metrics, "load_stlpips", lambda: None)
    monkeypatch.setattr(metrics.Meters, "_load_identity", lambda self: None)
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)


def test_the_command(moving: Run, clip: Path, stream: Path, quick: None, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    result = moving("compare", clip, stream, clip, "--step", 7, "--json", out)
    assert result.code == 0
    assert "MS-SSIM" in result.out and "kbit/s of the pictures" in result.out
    assert "no ST-LPIPS: pip install" in result.err
    record = json.loads(out.read_text())
    one, same = record["candidates"]
    assert one["per_frame"]["frame"] == list(range(0, 50, 7))
    assert len(one["per_frame"]["psnr"]) == 8 and one["per_frame"]["stlpips"] == [None] * 8
    assert same["mean"]["psnr"] > 78 > one["mean"]["psnr"] > 25
    assert one["bytes"]["file"] == stream.stat().st_size
    assert moving("compare", clip, stream, "--json", out).code == 1  # exists already
    assert not list(tmp_path.glob(".*"))


def test_faults_have_names(moving: Run, clip: Path, stream: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.thv"
    broken.write_bytes(stream.read_bytes()[:40])
    for bad, message in ((tmp_path / "none.mp4", "No such file"), (broken, "ends")):
        result = moving("compare", clip, bad, "--html", tmp_path / "r.html")
        assert result.code == 1 and message in result.err
    assert not list(tmp_path.glob("*.html")) and not list(tmp_path.glob(".*.part"))
    assert moving("compare", clip, clip, "--crop", "none").code == 2
    assert moving("compare", clip).code == 2


def test_encode_reports(moving: Run, clip: Path, quick: None, tmp_path: Path) -> None:
    report, target = tmp_path / "report.html", tmp_path / "talk.thv"
    result = moving("encode", clip, target, "--crop", "none", "--report", report)
    assert result.code == 0 and "talk.thv" in report.read_text()
    assert moving("encode", clip, "-", "--report", tmp_path / "other.html").code == 2


def test_the_report_needs_nothing_else(
    moving: Run, clip: Path, stream: Path, quick: None, tmp_path: Path
) -> None:
    odd = clips.write_clip(tmp_path / "<b>&.mp4", frames=30, sound=False)
    page = tmp_path / "report.html"
    assert moving("compare", clip, stream, odd, "--html", page).code == 0
    text = page.read_text()
    parsed = Page(text)
    assert not parsed.open and all(load.startswith("data:image/") for load in parsed.loads)
    assert not re.search(r"https?://", text)
    assert "<b>&.mp4" not in text and "&lt;b&gt;&amp;.mp4" in text
    assert text.count("<svg") == 4  # PSNR, SSIM, MS-SSIM, flicker
    assert "shows nothing here" in text and "ends 20 frames before" in text
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is here to open the report")
    _look(browser, page, tmp_path / "shot.png")


def _look(browser: str, page: Path, shot: Path) -> None:
    """The browser draws the page, its script fills the slider, and nothing goes wrong in it."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [f"--user-data-dir={shot.with_suffix('')}", "--window-size=1200,2400"]
    taken = subprocess.run(
        [browser, *options, "--enable-logging=stderr", f"--screenshot={shot}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
        text=True,
    )
    assert "CONSOLE" not in taken.stderr, taken.stderr
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    assert pixels.shape[1] == 1200 and pixels.std() > 10
    dumped = subprocess.run(
        [browser, *options, "--dump-dom", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
        text=True,
    ).stdout
    stage = dumped.partition('id="stage"')[2].partition("</div>")[0]
    assert stage.count('src="data:image/webp') == 2
    assert dumped.count("<button") >= 4 and dumped.count('<button class="on"') == 2
