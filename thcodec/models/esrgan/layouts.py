"""Which network a state dictionary belongs to, found out from its keys.

Known are the generator of ESRGAN under the names of its first release ("model.1.sub.0.RDB1...", a
plain sequence), of its second ("RRDB_trunk.0.RDB1...") and of BasicSR ("body.0.rdb1..."), the last
also with folded input, as Real-ESRGAN has it for factors under 4; Real-ESRGAN's compact network
("body.0.weight", convolutions and slopes in turn); and the compact network of this package.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from thcodec.errors import WeightsError
from thcodec.models.checkpoint_file import read_checkpoint, state_dict
from thcodec.models.esrgan import compact
from thcodec.models.esrgan.rrdb import RRDBConfig, RRDBNet
from thcodec.models.esrgan.srvgg import SRVGGNet
from thcodec.models.face_vid2vid.blocks import channels_last

State = dict[str, torch.Tensor]
Network = compact.CompactNet | RRDBNet | SRVGGNet
_WRAPPERS = ("params_ema", "params", "state_dict", "generator", "model", "net_g")
_MOST = 128  # blocks of a kind, doublings: far above any published network
_WIDEST = 1024  # channels
_DENSE = re.compile(r"(?:RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)([123])\.conv([1-5])(?:\.0)?\.(\w+)")
_ENDS = {
    "trunk_conv": "conv_body",
    "HRconv": "conv_hr",
    "upconv1": "conv_up.0",
    "upconv2": "conv_up.1",
    "upconv3": "conv_up.2",
    "conv_up1": "conv_up.0",
    "conv_up2": "conv_up.1",
    "conv_up3": "conv_up.2",
}


def load_network(path: Path) -> Network:
    """Read a checkpoint of any layout above and build its network, ready for inference.

    Raises WeightsError for a damaged or hostile file, an unknown layout, and missing, surplus or
    misshapen tensors.
    """
    state = state_dict(read_checkpoint(path), *_WRAPPERS)
    if state is None:
        raise WeightsError(f"{path} holds no dictionary of tensors")
    try:
        if not all(tensor.is_floating_point() for tensor in state.values()):
            raise ValueError("it holds integers")
        net, state = _recognise(state)
        net.load_state_dict(state, assign=True)
    except (RuntimeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit any ESRGAN that is known here: {reason}") from None
    return channels_last(net).requires_grad_(False).eval()


def _recognise(state: State) -> tuple[Network, State]:
    """An empty network for these tensors, and the tensors under its names."""
    with torch.device("meta"):  # a file may claim any size: nothing is allocated for it
        if "tails" in {key.split(".")[0] for key in state}:
            return _compact(state), state
        if "model.0.weight" in state:
            state = _from_sequence(state)
        if "conv_first.weight" in state:
            return _rrdb(state)
        if "body.1.weight" in state and "body.0.weight" in state:
            return _srvgg(state), state
    names = ", ".join(list(state)[:3])
    raise ValueError(f"its tensors are called {names} ...")


def _compact(state: State) -> compact.CompactNet:
    config = compact.config_of(state)
    _check(config.channels, config.inner_channels, config.fine_channels, highest=_WIDEST)
    _check(config.outer_blocks, config.inner_blocks, highest=_MOST)
    if not set(config.scales) <= compact.NO_LATTICE.keys():
        raise ValueError(f"it enlarges by {config.scales}, known are {tuple(compact.NO_LATTICE)}")
    return compact.CompactNet(config)


def _srvgg(state: State) -> SRVGGNet:
    layers = _count(state, r"body\.(\d+)\.weight")
    features = state["body.0.weight"].shape[0]
    outputs = state[f"body.{layers - 1}.weight"].shape[0]
    scale = round((outputs / 3) ** 0.5)
    _check(layers, highest=_MOST)
    _check(features, highest=_WIDEST)
    _check(scale, highest=8)
    return SRVGGNet(features, (layers - 3) // 2, scale)


def _rrdb(state: State) -> tuple[RRDBNet, State]:
    renamed = {_renamed(key): tensor for key, tensor in state.items()}
    features, inputs = state["conv_first.weight"].shape[:2]
    fold = {3: 1, 12: 2, 48: 4}.get(inputs)
    if fold is None:
        raise ValueError(f"the first convolution takes {inputs} channels, not 3, 12 or 48")
    config = RRDBConfig(
        features=features,
        growth=renamed["body.0.rdb1.conv1.weight"].shape[0],
        blocks=_count(renamed, r"body\.(\d+)\."),
        doublings=_count(renamed, r"conv_up\.(\d+)\."),
        fold=fold,
    )
    _check(config.features, config.growth, highest=_WIDEST)
    _check(config.blocks, highest=_MOST)
    _check(config.doublings, highest=3)
    if config.scale < 2:
        raise ValueError("it does not enlarge")
    return RRDBNet(config), renamed


def _renamed(key: str) -> str:
    dense = _DENSE.fullmatch(key)
    if dense:
        block, part, conv, kind = dense.groups()
        return f"body.{block}.rdb{part}.conv{conv}.{kind}"
    head, _, kind = key.rpartition(".")
    return f"{_ENDS.get(head, head)}.{kind}"


def _from_sequence(state: State) -> State:
    """The first release's plain sequence under the names of the second.

    Behind the trunk stand, for each doubling, an enlargement, a convolution and its activation,
    then two more convolutions with an activation between: only convolutions have tensors.
    """
    trunk = max(int(m[1]) for key in state if (m := re.match(r"model\.1\.sub\.(\d+)\.", key)))
    tail = sorted({int(m[1]) for key in state if (m := re.match(r"model\.(\d+)\.\w+$", key))})[1:]
    names = {0: "conv_first", **{n: f"upconv{i + 1}" for i, n in enumerate(tail[:-2])}}
    names |= dict(zip(tail[-2:], ("HRconv", "conv_last"), strict=True))
    renamed = {}
    for key, tensor in state.items():
        parts = key.split(".")
        if parts[1] != "1":
            renamed[f"{names[int(parts[1])]}.{parts[-1]}"] = tensor
        elif int(parts[3]) == trunk:
            renamed[f"trunk_conv.{parts[-1]}"] = tensor
        else:
            renamed[f"RRDB_trunk.{'.'.join(parts[3:])}"] = tensor
    return renamed


def _count(state: State, pattern: str) -> int:
    """How many numbers from 0 stand in the names; a gap would be a tensor too few."""
    return 1 + max((int(m[1]) for key in state if (m := re.match(pattern, key))), default=-1)


def _check(*values: int, highest: int) -> None:
    if not all(1 <= value <= highest for value in values):
        raise ValueError(f"widths, depths or factors {values} are not in 1..{highest}")
