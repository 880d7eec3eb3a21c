"""2D detection data in COCO's format."""
