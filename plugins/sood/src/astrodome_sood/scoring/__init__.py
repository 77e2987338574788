"""Compute scores and reconstructions, generate images, and export models as ONNX."""
