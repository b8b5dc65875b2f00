"""Models in the formats of other tools: ONNX for label tools, checkpoints under released names."""
