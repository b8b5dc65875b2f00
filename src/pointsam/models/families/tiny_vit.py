"""TinyViT-5M as MobileSAM uses it: two convolutional blocks, ten of windowed attention, a neck.

Every map is ``images rows cols channels``: attention reads it as tokens, and a convolution sees
the same memory as a channels-last image. BatchNorm is folded into the convolutions.

Source: TinyViT (arXiv:2207.10666) and MobileSAM (arXiv:2306.14289), whose released code fixes
the sizes: the last stage does not shrink the map, so both last stages are at stride 16.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pointsam.models.attention import dot_product_attention

OUT_CHANNELS = 256


@dataclass(frozen=True)
class TinyViTSizes:
    """Sizes of the four stages; the first is convolutional, the others attend in windows."""

    channels: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)
    """Side of an attention window, in tokens; the first is not used."""
    shrink: tuple[int, int, int] = (2, 2, 1)
    """Stride of the merging after each stage but the last."""


class TinyViT(nn.Module):
    """Pixels to an image embedding, cut in two at any of its blocks."""

    def __init__(self, sizes: TinyViTSizes = TinyViTSizes()) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(sizes.channels[0])
        self.layers = nn.ModuleList(
            Stage(sizes, index, convolutional=index == 0) for index in range(4)
        )
        self.neck = Neck(sizes.channels[-1])

    def forward(
        self, pixels: Float[Tensor, "images 3 side side"]
    ) -> Float[Tensor, "images channels rows cols"]:
        """Give the image embedding, stride 16."""
        return self.above(self.below(pixels, block=0), block=0)

    def below(
        self, pixels: Float[Tensor, "images 3 side side"], *, block: int
    ) -> Float[Tensor, "images rows cols channels"]:
        """Run all that comes before the numbered block (0 to 11)."""
        features: Tensor = pixels.permute(0, 2, 3, 1)
        for index, unit in self._units():
            if index is not None and index >= block:
                return features
            features = unit(features)
        raise ValueError(f"block {block} is none of the encoder's {self.block_count}.")

    def above(
        self,
        features: Float[Tensor, "images rows cols channels"],
        *,
        block: int,
        run: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__,
    ) -> Float[Tensor, "images out_channels out_rows out_cols"]:
        """Run the numbered block and all that follows, the neck included, each through `run`."""
        reached = False
        for index, unit in self._units():
            reached = reached or index == block
            if reached:
                features = run(unit, features)
        embedding: Tensor = self.neck(features)
        return embedding.permute(0, 3, 1, 2)

    @property
    def block_count(self) -> int:
        """Blocks of all stages together."""
        return sum(len(stage.blocks) for stage in self.stages())

    def stages(self) -> Iterator["Stage"]:
        """Give the four stages."""
        for stage in self.layers:
            assert isinstance(stage, Stage)
            yield stage

    def attention_blocks(self, first: int) -> Iterator[tuple[str, "AttentionBlock"]]:
        """Name and give the attention blocks from block number `first` on."""
        number = 0
        for stage_index, stage in enumerate(self.stages()):
            for block_index, block in enumerate(stage.blocks):
                if number >= first and isinstance(block, AttentionBlock):
                    yield f"layers.{stage_index}.blocks.{block_index}", block
                number += 1

    def _units(self) -> Iterator[tuple[int | None, nn.Module]]:
        """Give each step with its block number, None for steps that are no block."""
        yield None, self.patch_embed
        number = 0
        for stage in self.stages():
            for block in stage.blocks:
                yield number, block
                number += 1
            if stage.downsample is not None:
                yield None, stage.downsample


class Stage(nn.Module):
    """Blocks of one size and the merging that leads to the next."""

    def __init__(self, sizes: TinyViTSizes, index: int, *, convolutional: bool) -> None:
        super().__init__()
        channels, heads = sizes.channels[index], sizes.heads[index]
        self.blocks = nn.ModuleList(
            ConvBlock(channels)
            if convolutional
            else AttentionBlock(channels, heads=heads, window=sizes.windows[index])
            for _ in range(sizes.depths[index])
        )
        last = index == len(sizes.channels) - 1
        self.downsample = (
            None
            if last
            else Merging(channels, sizes.channels[index + 1], stride=sizes.shrink[index])
        )


class MapConv(nn.Conv2d):
    """A convolution of an ``images rows cols channels`` map."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve; the permutes move no memory."""
        return super().forward(input.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class PatchEmbed(nn.Module):
    """Pixels to a map of stride 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            MapConv(3, channels // 2, 3, stride=2, padding=1),
            nn.GELU(),
            MapConv(channels // 2, channels, 3, stride=2, padding=1),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Halve the map twice."""
        embedded: Tensor = self.seq(pixels)
        return embedded


class ConvBlock(nn.Module):
    """Inverted bottleneck with a residual (MBConv), four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 4 * channels
        self.conv1 = MapConv(channels, inner, 1)
        self.conv2 = MapConv(inner, inner, 3, padding=1, groups=inner)
        self.conv3 = MapConv(inner, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the widening, depthwise and narrowing convolutions, and add the input."""
        inner = F.gelu(self.conv2(F.gelu(self.conv1(features))))
        return F.gelu(features + self.conv3(inner))


class Merging(nn.Module):
    """From one stage to the next: other channels, and a smaller map where the stride says so."""

    def __init__(self, channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = MapConv(channels, out_channels, 1)
        self.conv2 = MapConv(
            out_channels, out_channels, 3, stride=stride, padding=1, groups=out_channels
        )
        self.conv3 = MapConv(out_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Apply three convolutions; the second shrinks the map where the stride says so."""
        merged: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(features)))))
        return merged


class AttentionBlock(nn.Module):
    """Attention inside windows, a depthwise convolution across their borders, an MLP."""

    def __init__(self, channels: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.attn = WindowAttention(channels, heads=heads, window=window)
        self.local_conv = MapConv(channels, channels, 3, padding=1, groups=channels)
        self.mlp = Mlp(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Apply attention, convolution and MLP; all but the convolution are residual."""
        features = features + self.attn(features)
        features = self.local_conv(features)
        mixed: Tensor = features + self.mlp(features)
        return mixed


class WindowAttention(nn.Module):
    """Self-attention in square windows with a learned bias for each distance."""

    def __init__(self, channels: int, *, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("offsets", window_offsets(window), persistent=False)
        self.offsets: Tensor

    def forward(
        self, features: Float[Tensor, "images rows cols channels"]
    ) -> Float[Tensor, "images rows cols channels"]:
        """Attend inside each window; windows at the right and lower border see zeros too.

        The zeros pass through the norm and take part in attention, as in the released model.
        """
        images, rows, cols, channels = features.shape
        window = self.window
        below, right = -rows % window, -cols % window
        padded = F.pad(features, (0, 0, 0, right, 0, below))
        down, across = padded.shape[1] // window, padded.shape[2] // window
        windows = padded.reshape(images, down, window, across, window, channels).transpose(2, 3)
        tokens = self.norm(windows.reshape(-1, window * window, channels))

        # Each head's query, key and value stand side by side in the fused projection.
        qkv = self.qkv(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query, key, value = qkv.chunk(3, dim=-1)
        bias = self.attention_biases[:, self.offsets].to(query.dtype)
        attended = dot_product_attention(query, key, value, bias=bias[None])
        tokens = self.proj(attended.transpose(1, 2).flatten(2))

        windows = tokens.reshape(images, down, across, window, window, channels).transpose(2, 3)
        joined: Tensor = windows.reshape(images, down * window, across * window, channels)
        return joined[:, :rows, :cols]

    def query_value_rows(self) -> tuple[Int[Tensor, " rows"], Int[Tensor, " rows"]]:
        """Number the rows of the fused projection that make queries and those that make values."""
        rows = torch.arange(self.qkv.out_features).unflatten(0, (self.heads, 3, -1))
        return rows[:, 0].flatten(), rows[:, 2].flatten()


class Mlp(nn.Module):
    """A layer norm and an MLP that is four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Mix the channels of each token."""
        mixed: Tensor = self.fc2(F.gelu(self.fc1(self.norm(features))))
        return mixed


class Neck(nn.Sequential):
    """The last map to SAM's 256 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            MapConv(channels, OUT_CHANNELS, 1, bias=False),
            nn.LayerNorm(OUT_CHANNELS, eps=1e-6),
            MapConv(OUT_CHANNELS, OUT_CHANNELS, 3, padding=1, bias=False),
            nn.LayerNorm(OUT_CHANNELS, eps=1e-6),
        )


def window_offsets(window: int) -> Int[Tensor, "tokens tokens"]:
    """Number the distance (rows, cols) between every two tokens of a window."""
    row, col = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    row, col = row.flatten(), col.flatten()
    return (row[:, None] - row).abs() * window + (col[:, None] - col).abs()
