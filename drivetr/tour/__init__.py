"""The tour: figures from convolution to six cameras, all computed by drivetr's own code."""
