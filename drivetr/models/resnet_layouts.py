"""Hugging Face's names of a ResNet; everybody else has torchvision's."""

from drivetr.models.layouts import Layout


def hugging_face_trunk(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Rules for the names of transformers' ResNet behind `theirs`, to torchvision's behind `ours`.

    Its stages count from 0, and so do the convolutions of a block.
    """
    stem, kinds = theirs + r"embedder\.embedder\.", ("convolution", "normalization")
    rules = [(stem + rf"{kinds[0]}\.", ours + "conv1."), (stem + rf"{kinds[1]}\.", ours + "bn1.")]
    for stage in range(4):
        block = theirs + rf"encoder\.stages\.{stage}\.layers\.(\d+)\."
        place = ours + rf"layer{stage + 1}.\1."
        for index, kind in enumerate(kinds):
            rules.append((block + rf"shortcut\.{kind}\.", place + f"downsample.{index}."))
            name = ("conv", "bn")[index]
            rules += [
                (block + rf"layer\.{i}\.{kind}\.", place + f"{name}{i + 1}.") for i in range(3)
            ]
    return tuple(rules)


HUGGING_FACE = Layout(
    name="Hugging Face ResNet",
    sign=r"resnet\.embedder\.",
    rules=hugging_face_trunk(r"resnet\.", "backbone."),
)
