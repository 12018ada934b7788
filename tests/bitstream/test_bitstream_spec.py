"""spec/thv.md says what the code does: its examples, tables and limits, byte for byte."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bitstream.spec_cases import CASES
from tests.entropy.reference import PlainDecoder, PlainModel
from thcodec import errors
from thcodec.bitstream import limits
from thcodec.bitstream.packet import RecordType
from thcodec.entropy import CoderId, VectorCoder, tables
from thcodec.entropy.tables import canonical_kinds, motion_kinds
from thcodec.models.registry import ANIMATORS, UPSCALERS

SPEC = (Path(__file__).parents[2] / "spec" / "thv.md").read_text("utf-8")
EXAMPLES = {
    title.split()[0].strip(":,"): bytes.fromhex(body)
    for title, body in re.findall(r"```example (.*)\n([^`]*)```", SPEC)
}


def spec_tables() -> dict[str, list]:  # type: ignore[type-arg]
    body = re.search(r"```tables\n([^`]*)```", SPEC)
    assert body is not None
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        for statement in ast.parse(body[1]).body
    }


def test_every_example_has_a_case() -> None:
    assert EXAMPLES.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_example(name: str) -> None:
    assert EXAMPLES[name].hex(" ") == CASES[name].hex(" ")


def test_tables_are_those_of_the_code() -> None:
    for name, value in spec_tables().items():
        assert getattr(tables, name) == value
    assert len(spec_tables()) == 6


def test_limits_of_payloads() -> None:
    for name, power in re.findall(r"\| payload: ([A-Z, ]+).*? \| 2\^(\d+) \|", SPEC):
        for kind in re.findall("[A-Z]+", name):
            assert limits.MAX_PAYLOAD[RecordType[kind]] == 1 << int(power)


def test_errors_exist() -> None:
    for name in re.findall(r"\*(\w+Error)\*", SPEC):
        assert issubclass(getattr(errors, name), errors.ThvError)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_model_written_from_the_spec_decodes_ours(seed: int, jacobians: bool) -> None:
    rng = np.random.default_rng(seed)
    kinds = motion_kinds(3, jacobians)
    model = PlainModel([int(kind) for kind in kinds], spec_tables())
    sender = VectorCoder(CoderId.RANGE, kinds)
    for _ in range(3):
        steps = (rng.random(8) < 0.8).tolist()
        scale = np.where(rng.random((8, len(kinds))) < 0.2, rng.choice([1, 5, 3000, 2**23]), 0)
        rows = np.round(rng.uniform(-1, 1, scale.shape) * scale).astype(int).tolist()
        coder = PlainDecoder(sender.encode(rows, steps))
        assert [model.vector(coder, step) for step in steps] == rows


def test_the_same_for_a_source() -> None:
    kinds = motion_kinds(2, False) + canonical_kinds(2)
    values = list(range(-6, 13))
    data = VectorCoder(CoderId.RANGE, kinds).encode([values], [False])
    model = PlainModel([int(kind) for kind in kinds], spec_tables())
    assert model.vector(PlainDecoder(data), False) == values


def test_networks() -> None:
    listed = set(re.findall(r"^\| (animator|upscaler) \| ([\w:-]+) \| (\w+) \|", SPEC, re.M))
    known = {("animator", name, version) for name, version in ANIMATORS.items()}
    known |= {("upscaler", name, version) for name, version in UPSCALERS.items()}
    assert listed == known
