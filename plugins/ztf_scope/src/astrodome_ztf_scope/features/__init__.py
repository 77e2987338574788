"""Light-curve features."""
