"""The picture of where a ViT looks in an image: layer by layer, and rolled out."""

from pathlib import Path

from torch import Tensor

from drivetr.data.decode import decode_image_file
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.engine.looking import LoadedModel, Transform, read_sample
from drivetr.errors import DrivetrError
from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_attention import ViTAttention, vit_attention
from drivetr.visual.attention_sheet import AttentionPanel, attention_sheet
from drivetr.visual.text import Canvas


def draw_vit_attention(loaded: LoadedModel, image: Path, head: int | None = None) -> Canvas:
    """A sheet with the image, the attention of every layer to it, and the rollout.

    An image for a converted folder, which does not tell transforms, gets a short side as long as
    the model's images and torchvision's normalisation.

    Args:
        loaded: a `ViTClassifier`.
        image: a JPEG or PNG file.
        head: one attention head of the layers, None for the mean of all; the rollout has all.

    Raises:
        DrivetrError: the file is no image, or there is no such head.
    """
    model = loaded.model
    if not isinstance(model, ViTClassifier):
        raise ValueError(f"a {type(model).__name__} is no ViTClassifier")
    patch = model.trunk.patch_size
    chain: tuple[Transform, ...] = (RandomResize((model.trunk.grid * patch,)), Normalize())
    sample = read_sample(image, chain if loaded.transforms is None else loaded.transforms)
    rows, columns = (side // patch * patch for side in sample.image.shape[-2:])
    found = vit_attention(model, sample.image[None, :, :rows, :columns].to(loaded.device))
    cell_px = tuple(
        patch * full / side
        for full, side in zip(sample.original_size, sample.image.shape[-2:], strict=True)
    )
    pixels = decode_image_file(image).permute(1, 2, 0).contiguous().numpy()
    return attention_sheet(pixels, _panels(found, head), (cell_px[0], cell_px[1]))


def _panels(found: ViTAttention, head: int | None) -> list[AttentionPanel]:
    count = found.layers.shape[2]
    if head is not None and not 0 <= head < count:
        raise DrivetrError(f"--head {head}: the model has the heads 0 to {count - 1}")
    panels = []
    for number, heads in enumerate(found.layers[0]):  # heads rows columns
        weights = heads.mean(0) if head is None else heads[head]
        panels.append(_panel(f"layer {number}", weights))
    return [*panels, _panel("rollout of all layers", found.rollout[0])]


def _panel(title: str, weights: Tensor) -> AttentionPanel:
    share = float(weights.sum())
    return AttentionPanel(f"{title}: {share:.0%} on patches", weights.float().cpu().numpy())
