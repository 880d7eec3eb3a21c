"""LeNet-5: convolutions that recognise handwritten digits (LeCun et al., Proc. IEEE 86, 1998)."""

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.errors import DrivetrError


class LeNet5(nn.Module):
    """Convolution and subsampling in turn, then fully connected layers: C1 S2 C3 S4 C5 F6 output.

    As in the paper: images of 32x32 pixels, 5x5 kernels, 6, 16 and 120 maps, 84 units, averages of
    2x2 cells, tanh. Unlike it: three input channels, because every image of drivetr has three; an
    average carries no weight and bias of its own; each map of C3 sees all maps of S2 and not a
    chosen few; tanh is not stretched; the classes are read by a linear layer for a softmax and not
    by distances to drawings of the digits.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(3, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)
        self.subsample = nn.AvgPool2d(2)
        self.squash = nn.Tanh()

    def forward(self, images: Float[Tensor, "B 3 32 32"]) -> Float[Tensor, "B K"]:
        """Logits of normalised images.

        Raises:
            DrivetrError: the images have another size.
        """
        if images.shape[-2:] != (32, 32):
            height, width = images.shape[-2:]
            raise DrivetrError(
                f"LeNet-5 reads images of 32x32 pixels, not of {height}x{width}; resize them"
            )
        x = self.subsample(self.squash(self.c1(images)))  # B 6 14 14
        x = self.subsample(self.squash(self.c3(x)))  # B 16 5 5
        x = self.squash(self.c5(x)).flatten(1)  # B 120
        logits: Tensor = self.output(self.squash(self.f6(x)))
        return logits
