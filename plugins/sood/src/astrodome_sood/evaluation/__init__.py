"""How well models find what is unusual: references, metrics, comparison, and a page about it."""
