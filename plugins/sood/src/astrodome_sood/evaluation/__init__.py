"""Compare models with a ground truth: labels, metrics and bootstrap intervals."""
