"""Scores of images and pixels, reconstructions, generated images, and the ONNX export."""
