"""The tour: a page of figures from convolution to six cameras, all computed by drivetr's own code."""
