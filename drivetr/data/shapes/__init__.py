"""A synthetic set of coloured shapes in COCO's format, for experiments of minutes."""
