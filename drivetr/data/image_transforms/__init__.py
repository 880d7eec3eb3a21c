"""Changes of one image and its boxes: (sample, generator) -> sample."""
