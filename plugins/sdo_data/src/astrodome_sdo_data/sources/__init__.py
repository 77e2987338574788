"""Image sources, with one module per source."""
