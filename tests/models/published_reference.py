"""The published network written down as its description reads: slow, obvious, no module of ours.

Every tensor is called as in the checkpoint, nothing is folded, kept from frame to frame or
rearranged: what the package does in a faster way is held against this.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from thcodec.models.face_vid2vid.published.config import PublishedConfig

CONV = {4: F.conv2d, 5: F.conv3d}


class Reference:
    """state: ``module.key`` -> tensor. Pictures are (1, 3, S, S) in 0..1, keypoints (1, K, 3)."""

    def __init__(self, state: dict[str, torch.Tensor], config: PublishedConfig) -> None:
        self.state, self.config = state, config

    # ---- pieces -------------------------------------------------------------------------------

    def conv(self, x, name, stride=1):
        if f"{name}.weight_orig" in self.state:
            weight = self.state[f"{name}.weight_orig"]
            u, v = self.state[f"{name}.weight_u"], self.state[f"{name}.weight_v"]
            weight = weight / torch.dot(u, torch.mv(weight.reshape(len(weight), -1), v))
        else:
            weight = self.state[f"{name}.weight"]
        bias = self.state.get(f"{name}.bias")
        return CONV[weight.ndim](x, weight, bias, stride, padding=weight.shape[-1] // 2)

    def norm(self, x, name):
        mean, var = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def block(self, x, name):
        return F.relu(self.norm(self.conv(x, f"{name}.conv"), f"{name}.norm"))

    def down(self, x, name):
        x = self.block(x, name)
        return F.avg_pool2d(x, 2) if x.ndim == 4 else F.avg_pool3d(x, (1, 2, 2))

    def up(self, x, name):
        scale = (2, 2) if x.ndim == 4 else (1, 2, 2)
        return self.block(F.interpolate(x, scale_factor=scale), name)

    def residual(self, x, name):
        y = self.conv(F.relu(self.norm(x, f"{name}.norm1")), f"{name}.conv1")
        return x + self.conv(F.relu(self.norm(y, f"{name}.norm2")), f"{name}.conv2")

    def grid(self, depth, size):
        z, y, x = torch.meshgrid(
            *(torch.linspace(-1, 1, n) for n in (depth, size, size)), indexing="ij"
        )
        return torch.stack([x, y, z], -1)

    # ---- keypoint detector --------------------------------------------------------------------

    def canonical(self, picture):
        name, steps = "kp_detector.predictor", range(len(self.config.detector_widths))
        x = picture
        if self.config.shrink > 1:
            kernel = self.state["kp_detector.down.weight"]
            edge = kernel.shape[-1] // 2
            x = F.conv2d(F.pad(x, (edge,) * 4), kernel, groups=3)
            x = x[:, :, :: self.config.shrink, :: self.config.shrink]
        for i in steps:
            x = self.down(x, f"{name}.down_blocks.down{i}")
        x = self.conv(x, f"{name}.conv")
        x = x.view(1, -1, self.config.depth, *x.shape[2:])
        for i in steps:
            x = self.up(x, f"{name}.up_blocks.up{i}")
        maps = self.conv(x, "kp_detector.kp")
        heat = F.softmax(maps.flatten(2) / 0.1, 2).view(maps.shape)
        grid = self.grid(self.config.depth, maps.shape[-1])
        return (heat[..., None] * grid).sum((2, 3, 4))

    # ---- head pose ----------------------------------------------------------------------------

    def bottleneck(self, x, name, stride=1):
        y = F.relu(self.norm(self.conv(x, f"{name}.conv1"), f"{name}.norm1"))
        y = F.relu(self.norm(self.conv(y, f"{name}.conv2", stride), f"{name}.norm2"))
        y = self.norm(self.conv(y, f"{name}.conv3"), f"{name}.norm3")
        if stride > 1:
            x = self.norm(self.conv(x, f"{name}.skip", stride), f"{name}.norm4")
        return F.relu(x + y)

    def pose(self, picture):
        """yaw, pitch, roll in the network's degrees, translation (3,), expression (K, 3)."""
        at = "he_estimator"
        x = F.relu(self.norm(self.conv(picture, f"{at}.conv1", 2), f"{at}.norm1"))
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, blocks in enumerate(self.config.pose_blocks):
            x = F.relu(self.norm(self.conv(x, f"{at}.conv{stage + 2}"), f"{at}.norm{stage + 2}"))
            if stage:
                x = self.bottleneck(x, f"{at}.block{2 * stage}", 2)
            for i in range(blocks):
                x = self.bottleneck(x, f"{at}.block{2 * stage + 1}.b{2 * stage + 1}_{i}")
        x = x.mean((2, 3))

        def head(name):
            return F.linear(x, self.state[f"{at}.{name}.weight"], self.state[f"{at}.{name}.bias"])

        def degrees(name):
            share = F.softmax(head(name), 1)[0]
            return 3 * sum(i * float(p) for i, p in enumerate(share)) - 99

        return (
            degrees("fc_roll"),
            degrees("fc_pitch"),
            degrees("fc_yaw"),
            head("fc_t")[0],
            head("fc_exp")[0].view(-1, 3),
        )

    def moved(self, canonical, pose):
        yaw, pitch, roll = (angle / 180 * 3.14 for angle in pose[:3])
        s, c = math.sin, math.cos
        about_x = torch.tensor([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
        about_y = torch.tensor([[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]])
        about_z = torch.tensor([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
        turn = about_x @ about_y @ about_z
        return torch.stack([turn @ point for point in canonical[0]])[None] + pose[3] + pose[4]

    # ---- generator ----------------------------------------------------------------------------

    def volume(self, picture):
        x = self.block(picture, "generator.first")
        for i in range(2):
            x = self.down(x, f"generator.down_blocks.{i}")
        x = self.conv(x, "generator.second")
        x = x.view(1, -1, self.config.depth, *x.shape[2:])
        for i in range(self.config.residual):
            x = self.residual(x, f"generator.resblocks_3d.3dr{i}")
        return x

    def heat(self, points, grid):
        return torch.exp(-((grid - points[0, :, None, None, None]) ** 2).sum(-1) / 2 / 0.01)

    def field(self, volume, source, driving, jacobian=None):
        """Flow (1, D, h, w, 3) and occlusion (1, 1, h, w)."""
        at = "generator.dense_motion_network"
        x = F.relu(self.norm(self.conv(volume, f"{at}.compress"), f"{at}.norm"))
        grid = self.grid(*volume.shape[2:4])
        candidates = [grid]
        for k in range(source.shape[1]):
            away = grid - driving[0, k]
            if jacobian is not None:
                away = away @ jacobian[0].T
            candidates.append(away + source[0, k])
        flows = torch.stack(candidates)
        copies = x.repeat(len(candidates), 1, 1, 1, 1)
        seen = F.grid_sample(copies, flows, align_corners=False)
        heat = self.heat(driving, grid) - self.heat(source, grid)
        heat = torch.cat([torch.zeros_like(heat[:1]), heat])
        x = torch.cat([heat[:, None], seen], 1).flatten(0, 1)[None]
        steps = range(len(self.config.motion_widths))
        skips = [x]
        for i in steps:
            skips.append(self.down(skips[-1], f"{at}.hourglass.encoder.down_blocks.{i}"))
        x = skips.pop()
        for i in steps:
            x = self.up(x, f"{at}.hourglass.decoder.up_blocks.{i}")
            x = torch.cat([x, skips.pop()], 1)
        x = self.block(x, f"{at}.hourglass.decoder")
        masks = F.softmax(self.conv(x, f"{at}.mask"), 1)
        flow = (masks[0, ..., None] * flows).sum(0)[None]
        flat = x.view(1, -1, *x.shape[3:])
        return flow, torch.sigmoid(self.conv(flat, f"{at}.occlusion"))

    def picture(self, picture, source, driving, jacobian=None):
        """A driving frame (1, 3, S, S) of a source picture, with flow and occlusion."""
        volume = self.volume(picture)
        flow, occlusion = self.field(volume, source, driving, jacobian)
        x = F.grid_sample(volume, flow, align_corners=False).flatten(1, 2)
        x = F.leaky_relu(self.norm(self.conv(x, "generator.third.conv"), "generator.third.norm"))
        x = self.conv(x, "generator.fourth") * occlusion
        paint = self.plain if self.config.spade is None else self.spade_decoder
        return torch.sigmoid(paint(x)), flow, occlusion

    def plain(self, x):
        for i in range(self.config.residual):
            x = self.residual(x, f"generator.resblocks_2d.2dr{i}")
        for i in range(2):
            x = self.up(x, f"generator.up_blocks.{i}")
        return self.conv(x, "generator.final")

    def spade_decoder(self, features):
        at = "generator.decoder"
        x = self.conv(features, f"{at}.fc")
        for i in range(self.config.residual):
            x = self.spade_block(x, features, f"{at}.G_middle_{i}")
        for i in range(2):
            x = self.spade_block(F.interpolate(x, scale_factor=2), features, f"{at}.up_{i}")
        return self.conv(F.leaky_relu(x, 0.2), f"{at}.conv_img")

    def spade_block(self, x, features, name):
        y = self.conv(
            F.leaky_relu(self.spade(x, features, f"{name}.norm_0"), 0.2), f"{name}.conv_0"
        )
        y = self.conv(
            F.leaky_relu(self.spade(y, features, f"{name}.norm_1"), 0.2), f"{name}.conv_1"
        )
        if f"{name}.conv_s.weight_orig" in self.state:
            x = self.conv(self.spade(x, features, f"{name}.norm_s"), f"{name}.conv_s")
        return x + y

    def spade(self, x, features, name):
        where = F.interpolate(features, size=x.shape[2:], mode="nearest")
        hidden = F.relu(self.conv(where, f"{name}.mlp_shared.0"))
        gamma, beta = (self.conv(hidden, f"{name}.mlp_{part}") for part in ("gamma", "beta"))
        return F.instance_norm(x) * (1 + gamma) + beta
