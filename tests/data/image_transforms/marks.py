"""Images whose objects are single-coloured rectangles, so that boxes can be read off the pixels."""

import torch

from drivetr.structures.images import ImageSample
from drivetr.structures.targets2d import Targets2D


def marked(height, width, corners):
    """A black image with one rectangle a label; `corners` are left, top, right, bottom in pixels.

    Rectangle n has the grey level 10 * (n + 1) and the label n.
    """
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    boxes = torch.tensor(corners, dtype=torch.float64).reshape(-1, 4)
    for n, (left, top, right, bottom) in enumerate(corners):
        image[:, top:bottom, left:right] = 10 * (n + 1)
    size = torch.tensor([width, height], dtype=torch.float64)
    middle, extent = (boxes[:, :2] + boxes[:, 2:]) / 2 / size, (boxes[:, 2:] - boxes[:, :2]) / size
    targets = Targets2D(torch.cat([middle, extent], 1).float(), torch.arange(len(corners)))
    return ImageSample("marked.png", 7, image, (height, width), targets)


def read_off(sample):
    """Label to left, top, right, bottom in pixels, from the pixels alone."""
    found = {}
    for level in sample.image[0].unique().tolist():
        if level:
            rows, columns = (sample.image[0] == level).nonzero().unbind(1)
            ends = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            found[level // 10 - 1] = [int(end) for end in ends]
    return found


def told(sample):
    """The same from the sample's targets."""
    height, width = sample.image.shape[1:]
    scale = torch.tensor([width, height, width, height])
    middle, extent = sample.targets.boxes[:, :2], sample.targets.boxes[:, 2:]
    corners = torch.cat([middle - extent / 2, middle + extent / 2], 1) * scale
    return dict(zip(sample.targets.labels.tolist(), corners.tolist(), strict=True))
