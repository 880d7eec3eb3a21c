"""Pure functions on tensors: rigid transforms, pinhole cameras, frusta, boxes and their codes."""
