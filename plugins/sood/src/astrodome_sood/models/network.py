"""An autoencoder, and the variational one of Zimmerer et al. 2018 (arXiv:1812.05941)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from astrodome import AstrodomeError
from torch import Tensor, nn
from torch.nn import functional


class ToVector(nn.Conv2d):
    """A convolution whose kernel is the whole map, computed as the matrix product it is."""

    def forward(self, x: Tensor) -> Tensor:
        """From (N, C, k, k) to (N, out_channels)."""
        return functional.linear(x.flatten(1), self.weight.flatten(1))


class FromVector(nn.ConvTranspose2d):
    """A transposed convolution of a 1×1 map, computed as the matrix product it is."""

    def forward(self, z: Tensor) -> Tensor:  # type: ignore[override]
        """From (N, in_channels) to (N, out_channels, k, k)."""
        maps = (z @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])
        return maps.contiguous(memory_format=torch.channels_last)


class Autoencoder(nn.Module):
    """Encoder to a vector, and its mirror; images are (N, channels, size, size).

    ``codes`` numbers come out of the encoder, ``z_dim`` of them go into the decoder.
    """

    def __init__(
        self, size: int, channels: int, z_dim: int, fmap_sizes: Sequence[int], codes: int = 0
    ) -> None:
        super().__init__()
        bottom, rest = divmod(size, 2 ** len(fmap_sizes))
        if rest or not bottom:
            raise AstrodomeError(
                f"Images of {size} px cannot be halved {len(fmap_sizes)} times, "
                "once for each of model.fmap_sizes.",
                f"Choose a multiple of {2 ** len(fmap_sizes)} for model.target_size.",
            )
        self.size, self.channels, self.z_dim = size, channels, z_dim
        self.fmap_sizes = tuple(fmap_sizes)
        down: list[nn.Module] = []
        for before, after in pairwise((channels, *fmap_sizes)):
            down += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.LeakyReLU()]
        down.append(ToVector(fmap_sizes[-1], codes or z_dim, bottom, bias=False))
        up: list[nn.Module] = [FromVector(z_dim, fmap_sizes[-1], bottom, bias=False)]
        for before, after in pairwise((*reversed(fmap_sizes), channels)):
            up += [nn.LeakyReLU(), nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=False)]
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(*up)
        for layer in self.modules():  # the layout in which convolutions are fastest
            if type(layer) in (nn.Conv2d, nn.ConvTranspose2d):
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def code(self, x: Tensor) -> Tensor:
        """The vectors that images are decoded from, (N, z_dim)."""
        return self.encoder(x)  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """Images of vectors (N, z_dim)."""
        return self.decoder(z)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction, without sampling."""
        return self.decode(self.code(x))


class Vae(Autoencoder):
    """An autoencoder whose code is a normal distribution: its mean and log standard deviation.

    ``theta`` is the weight of the reconstruction error in the objective: 1, unless
    training steers it.
    """

    theta: Tensor

    def __init__(self, size: int, channels: int, z_dim: int, fmap_sizes: Sequence[int]) -> None:
        super().__init__(size, channels, z_dim, fmap_sizes, codes=2 * z_dim)
        self.register_buffer("theta", torch.ones(()))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, each (N, z_dim)."""
        mean, log_std = self.encoder(x).chunk(2, dim=1)
        return mean, log_std

    def code(self, x: Tensor) -> Tensor:
        """The mean of the distribution."""
        return self.encode(x)[0]
