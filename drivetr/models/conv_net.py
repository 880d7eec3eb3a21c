"""Convolutional classifiers in small: the families of AlexNet, VGG and ResNet, and plain deep nets.

All are one network with other numbers: stages of units, a unit being a chain of convolutions with
or without a shortcut around it. AlexNet: Krizhevsky et al., NIPS 2012; VGG: arXiv:1409.1556; plain
and residual networks of the same depth: He et al., arXiv:1512.03385.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Stage:
    """Units that work at one size of the map.

    Attributes:
        channels: of every convolution.
        units: how many units.
        convs: convolutions of a unit.
        kernel: side of the kernels, odd.
        stride: of the stage's first convolution.
        pool: whether a maximum over 2x2 cells ends the stage.
    """

    channels: int
    units: int = 1
    convs: int = 1
    kernel: int = 3
    stride: int = 1
    pool: bool = False


class Unit(nn.Module):
    """Convolutions, each with a ReLU; the shortcut joins before the last one.

    Args:
        in_channels: channels that come in.
        stage: sizes.
        stride: of the first convolution.
        norm: batch norm after each convolution.
        residual: with a shortcut: the input, or a 1x1 convolution of it where sizes change.
    """

    def __init__(
        self, in_channels: int, stage: Stage, stride: int, norm: bool, residual: bool
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for step in [stride] + [1] * (stage.convs - 1):
            padding = stage.kernel // 2
            layers.append(nn.Conv2d(width, stage.channels, stage.kernel, step, padding))
            layers += [nn.BatchNorm2d(stage.channels)] if norm else []
            layers.append(nn.ReLU())
            width = stage.channels
        self.chain = nn.Sequential(*layers[:-1])
        self.last = layers[-1]
        self.residual = residual
        same = stride == 1 and in_channels == stage.channels
        self.shortcut = (
            nn.Conv2d(in_channels, stage.channels, 1, stride)
            if residual and not same
            else nn.Identity()
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B _C _H _W"]:
        """The maps after the unit."""
        out = self.chain(x)
        if self.residual:
            out = out + self.shortcut(x)
        found: Tensor = self.last(out)
        return found


class ConvNet(nn.Module):
    """Stages of units, the mean of what is left of the map or all of it, fully connected layers.

    Args:
        stages: from the image to the last map.
        num_classes: K.
        norm: batch norm after every convolution.
        residual: shortcuts around the units.
        hidden: widths of fully connected layers before the classifier.
        flat: side of the last map, which is then read cell by cell; 0 reads its mean.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        num_classes: int = 10,
        norm: bool = False,
        residual: bool = False,
        hidden: Sequence[int] = (),
        flat: int = 0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for stage in stages:
            for stride in [stage.stride] + [1] * (stage.units - 1):
                layers.append(Unit(width, stage, stride, norm, residual))
                width = stage.channels
            layers += [nn.MaxPool2d(2)] if stage.pool else []
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(flat or 1), nn.Flatten())
        width *= max(1, flat) ** 2
        head: list[nn.Module] = []
        for wide in hidden:
            head += [nn.Linear(width, wide), nn.ReLU()]
            width = wide
        self.head = nn.Sequential(*head, nn.Linear(width, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    @property
    def depth(self) -> int:
        """Layers with weights on the longest way, as the papers count them."""
        units = [module for module in self.modules() if isinstance(module, Unit)]
        convs = sum(isinstance(layer, nn.Conv2d) for unit in units for layer in unit.chain)
        return convs + sum(isinstance(layer, nn.Linear) for layer in self.head)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K"]:
        """Logits of normalised images."""
        logits: Tensor = self.head(self.features(images))
        return logits


def small_alexnet(num_classes: int = 10) -> ConvNet:
    """Large kernels first, five convolutions, two wide fully connected layers; 32x32 pixels."""
    stages = (
        Stage(16, kernel=5, pool=True),
        Stage(32, kernel=5, pool=True),
        Stage(48),
        Stage(48),
        Stage(32, pool=True),
    )
    return ConvNet(stages, num_classes, hidden=(128, 128), flat=4)


def small_vgg(num_classes: int = 10) -> ConvNet:
    """3x3 kernels only, two or three in a row between poolings; 32x32 pixels."""
    stages = (
        Stage(8, convs=2, pool=True),
        Stage(16, convs=2, pool=True),
        Stage(32, convs=3, pool=True),
    )
    return ConvNet(stages, num_classes, hidden=(128,), flat=4)


def small_resnet(units: int, residual: bool = True, num_classes: int = 10) -> ConvNet:
    """He et al.'s network of 6n + 2 layers (section 4.2), or the plain one without shortcuts.

    Args:
        units: n, units of two convolutions in each of the three stages.
        residual: with shortcuts.
        num_classes: K.
    """
    stages = (
        Stage(8, kernel=3, stride=2),
        Stage(8, units, convs=2),
        Stage(16, units, convs=2, stride=2),
        Stage(32, units, convs=2, stride=2),
    )
    return ConvNet(stages, num_classes, norm=True, residual=residual)
