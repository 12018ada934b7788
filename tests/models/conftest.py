"""The shipped network, and a clip of somebody whom it was not trained on."""

import pytest

from thcodec.media.video_input import VideoInput
from thcodec.models.registry import load_animator


@pytest.fixture(scope="module")
def animator():
    return load_animator()


@pytest.fixture(scope="module")
def frames(request):
    with VideoInput(request.getfixturevalue("shared_clip"), audio=False) as video:
        return [frame.rgb for frame, _ in zip(video.frames(), range(241), strict=False)]
