"""COCO's metrics of 2D boxes."""
