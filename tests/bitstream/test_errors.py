"""The errors: one root, builtins where natural, and a place."""

from __future__ import annotations

import pytest

from thcodec import errors
from thcodec.errors import ThvError

CLASSES = [
    item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, ThvError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_error_names_its_place(kind: type[ThvError]) -> None:
    assert str(kind("no good")) == "no good"
    assert str(kind("no good", 12)) == "no good (at byte 12)"
    moved = kind("no good", 12).moved(100)
    assert type(moved) is kind and moved.offset == 112 and kind("x").moved(7).offset == 7
    assert kind("x", 3).located(9).offset == 3 and kind("x").located(9).offset == 9


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.TruncatedError, EOFError),
        (errors.SignatureError, ValueError),
        (errors.MalformedError, ValueError),
        (errors.LimitError, ValueError),
        (errors.TimingError, ValueError),
        (errors.UnknownModelError, LookupError),
        (errors.OutputExistsError, FileExistsError),
        (errors.NoFaceError, errors.MediaError),
    ],
)
def test_error_is_also_a_builtin(kind: type[ThvError], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
