"""Networks: a plain convolutional autoencoder, and a variational autoencoder.

The variational autoencoder has the architecture of Zimmerer et al. 2018 (arXiv:1812.05941).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from astrodome import AstrodomeError
from torch import Tensor, nn
from torch.nn import functional


class ToVector(nn.Conv2d):
    """Convolution with a kernel as large as the feature map, computed as a matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        """Convert a tensor with shape (N, C, k, k) to a tensor with shape (N, out_channels)."""
        return functional.linear(x.flatten(1), self.weight.flatten(1))


class FromVector(nn.ConvTranspose2d):
    """Transposed convolution of a 1×1 feature map, computed as a matrix product."""

    def forward(self, z: Tensor) -> Tensor:  # type: ignore[override]
        """Convert a tensor with shape (N, in_channels) to shape (N, out_channels, k, k)."""
        maps = (z @ self.weight.flatten(1)).view(-1, *self.weight.shape[1:])
        return maps.contiguous(memory_format=torch.channels_last)


class Autoencoder(nn.Module):
    """Convolutional autoencoder.

    The encoder converts images with shape (N, channels, size, size) to latent vectors. The decoder
    has the same layers in reverse order.

    Parameters
    ----------
    size
        Width and height of the images in pixels, a multiple of ``2 ** len(fmap_sizes)``.
    channels
        Number of image channels.
    z_dim
        Dimension of the latent vectors that are passed to the decoder.
    fmap_sizes
        Number of feature maps in each convolutional layer of the encoder.
    outputs
        Number of values that the encoder returns for each image. The default is ``z_dim``.
    """

    def __init__(
        self, size: int, channels: int, z_dim: int, fmap_sizes: Sequence[int], outputs: int = 0
    ) -> None:
        super().__init__()
        bottom, rest = divmod(size, 2 ** len(fmap_sizes))
        if rest or not bottom:
            raise AstrodomeError(
                f"Invalid model.target_size {size}: each of the {len(fmap_sizes)} layers in "
                "model.fmap_sizes halves the image size.",
                f"Set model.target_size to a multiple of {2 ** len(fmap_sizes)}.",
            )
        self.size, self.channels, self.z_dim = size, channels, z_dim
        self.fmap_sizes = tuple(fmap_sizes)
        down: list[nn.Module] = []
        for before, after in pairwise((channels, *fmap_sizes)):
            down += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.LeakyReLU()]
        down.append(ToVector(fmap_sizes[-1], outputs or z_dim, bottom, bias=False))
        up: list[nn.Module] = [FromVector(z_dim, fmap_sizes[-1], bottom, bias=False)]
        for before, after in pairwise((*reversed(fmap_sizes), channels)):
            up += [nn.LeakyReLU(), nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=False)]
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(*up)
        for layer in self.modules():  # The layout channels_last is faster on CPUs.
            if type(layer) in (nn.Conv2d, nn.ConvTranspose2d):
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def shape(self) -> dict[str, Any]:
        """Shape of the network, for the weights file."""
        return {
            "channels": self.channels,
            "target_size": self.size,
            "z_dim": self.z_dim,
            "fmap_sizes": self.fmap_sizes,
        }

    def latent(self, x: Tensor) -> Tensor:
        """Return the latent vectors from which images are decoded, with shape (N, z_dim)."""
        return self.encoder(x)  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """Decode latent vectors with shape (N, z_dim) to images."""
        return self.decoder(z)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images without random sampling in the latent space."""
        return self.decode(self.latent(x))


class Vae(Autoencoder):
    """Autoencoder that encodes an image as a normal distribution in the latent space.

    The encoder returns the mean and the log standard deviation. ``theta`` is the weight of the
    reconstruction error in the loss. It is 1 unless GECO adjusts it during training.
    """

    theta: Tensor

    def __init__(self, size: int, channels: int, z_dim: int, fmap_sizes: Sequence[int]) -> None:
        super().__init__(size, channels, z_dim, fmap_sizes, outputs=2 * z_dim)
        self.register_buffer("theta", torch.ones(()))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the log standard deviation, each with shape (N, z_dim)."""
        mean, log_std = self.encoder(x).chunk(2, dim=1)
        return mean, log_std

    def latent(self, x: Tensor) -> Tensor:
        """Return the means of the latent distributions, with shape (N, z_dim)."""
        return self.encode(x)[0]
