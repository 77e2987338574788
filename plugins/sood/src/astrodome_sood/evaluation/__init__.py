"""Evaluation of models: ground truth, metrics and comparison."""
