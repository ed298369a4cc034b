"""Networks from and to PyTorch, and to ONNX."""
