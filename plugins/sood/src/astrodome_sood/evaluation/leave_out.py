"""Groups of generated defects that are left out of the training of a self-supervised model.

A model that is trained with generated defects could detect only defects that resemble them. For
each group, a model is therefore trained without the families of the group, and tested with the
kinds of anomalies that resemble these families most.
"""

from __future__ import annotations

from dataclasses import dataclass

MODELS = ("detect", "segmentation")
"""Models that are trained with generated defects and support ``model.options.leave_out``."""


@dataclass(frozen=True)
class LeftOut:
    """Group of generated defects: the names of its families, and similar kinds of anomalies."""

    families: tuple[str, ...]
    kinds: tuple[str, ...]


GROUPS: dict[str, LeftOut] = {
    "intensity": LeftOut(
        ("shifted", "stretched", "gamma"),
        ("brighten", "occult", "half_exposure", "eclipse", "dust"),
    ),
    "constant": LeftOut(("constant",), ("lost_blocks", "lost_rows", "saturation", "transit")),
    "replacement": LeftOut(("another", "rotated", "rolled"), ("paste", "swap", "wrong_wavelength")),
    "noise": LeftOut(("noise",), ("hits", "tracks", "snow", "weak_stripes", "strong_stripes")),
    "smoothing": LeftOut(
        ("smoothed",),
        ("blur", "weak_defocus", "strong_defocus", "weak_compression", "strong_compression"),
    ),
}
"""Groups of families of :data:`..models.defects.FAMILIES`, keyed by name."""
