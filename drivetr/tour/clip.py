"""CLIP: pictures and sentences in one space, compared all with all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.data.captions import spoken, with_article
from drivetr.data.nuscenes.crops import CaptionedCrops, CropRule, ObjectCrops
from drivetr.data.tokenizer import Tokenizer
from drivetr.engine.clip import LoadedClip, load_clip
from drivetr.engine.loaders import LoaderSettings, batches, loader_for_training
from drivetr.models.clip import CLIP, TextTransformer
from drivetr.models.clip_criterion import ContrastiveCriterion
from drivetr.nn.backbones.vit import ViT
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.pairs import ImageTextBatch
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.fit import fit
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.pictures import picture_from, picture_text
from drivetr.tour.style import matrix, numbered, panels, picture
from drivetr.tour.world import TRAIN, VAL, VERSION, world_folder

EMBED_DIM, CONTEXT, IMAGE_SIZE = 96, 20, 48
STEPS, LR, BATCH_SIZE = 220, 1e-3, 64


def compute(settings: Settings) -> Data:
    """Compares held-out crops, one a class, with a sentence about each of these classes."""
    root = world_folder(settings)
    clip = train_clip(root, settings) if settings.clip is None else load_clip(settings.clip)
    crops = ObjectCrops((root, VERSION), VAL, CropRule(size=clip.image_size))
    labels = [DETECTION_CLASSES.index(seen.facts.name) for seen in crops.objects]
    pictures = torch.stack([crops.picture(number) for number in range(len(crops))])
    first = [labels.index(label) for label in range(len(DETECTION_CLASSES)) if label in labels]
    names = [spoken(DETECTION_CLASSES[labels[number]]) for number in first]
    right = zero_shot(clip, pictures) == torch.tensor(labels)
    return as_data(
        {
            **look(clip, pictures[first], [with_article(f"a {name}") for name in names]),
            "pictures": [picture_text(pictures[number]) for number in first],
            "accuracy": right.float().mean(),
            "tested": len(labels),
            "steps": settings.steps(STEPS) if settings.clip is None else None,
        },
        digits=4,
    )


def untrained_clip() -> LoadedClip:
    """A small CLIP with random weights."""
    model = CLIP(
        vision=ViT(
            IMAGE_SIZE, 8, num_layers=3, num_heads=4, embed_dim=EMBED_DIM, mlp_dim=2 * EMBED_DIM,
            eps=1e-5, activation="quick_gelu", clip_style=True,
        ),
        text=TextTransformer(
            context_length=CONTEXT, embed_dim=EMBED_DIM, num_heads=4, num_layers=2,
            mlp_dim=2 * EMBED_DIM,
        ),
        embed_dim=EMBED_DIM,
    )  # fmt: skip
    device = torch.device("cpu")
    return LoadedClip(model.eval(), Tokenizer(None, CONTEXT), device, "the tour's own training")


def train_clip(root: Path, settings: Settings) -> LoadedClip:
    """A small CLIP with weights of the seed, trained on crops with generated captions."""
    torch.manual_seed(settings.seed)
    clip = untrained_clip()
    dataset = CaptionedCrops((root, VERSION), TRAIN, CropRule(size=IMAGE_SIZE), CONTEXT)
    loader = loader_for_training(dataset, LoaderSettings(BATCH_SIZE, 0), settings.seed, clip.device)
    criterion = ContrastiveCriterion(share_equal_texts=True)

    def loss(batch: ImageTextBatch) -> Tensor:
        losses = criterion(clip.model(*batch.inputs), *batch.truth)
        return losses["loss_image"] + losses["loss_text"]

    stream: Any = batches(loader)
    fit(clip.model, loss, stream, settings.steps(STEPS), LR, "CLIP")
    return clip


def look(clip: LoadedClip, pictures: Tensor, texts: Sequence[str]) -> dict[str, Any]:
    """The cosine of every picture (B,3,S,S) with every text, and the factor on it."""
    cosines = clip.embed_images(pictures) @ clip.embed_texts(texts).T
    return {"texts": texts, "cosines": cosines, "scale": clip.scale}


def zero_shot(clip: LoadedClip, pictures: Tensor) -> Tensor:
    """The class whose prompts each picture is closest to."""
    return (clip.embed_images(pictures) @ clip.embed_names(DETECTION_CLASSES).T).argmax(-1)


def draw(data: Data) -> Mapping[str, Figure]:
    """The matrix with the pictures at its left side."""
    cosines = np.array(data["cosines"])
    count = len(cosines)
    figure, axes = panels(1, 2, 0.55 * count + 1.2, width_ratios=[0.55 / 6, 1])
    strip = np.concatenate([picture_from(text) for text in data["pictures"]])
    picture(axes[0, 0], strip, "picture", aspect="auto")
    plot = axes[0, 1]
    shown = matrix(plot, cosines, [""] * count, data["texts"], "cosine of picture and sentence",
                   aspect="auto")  # fmt: skip
    plot.set_yticks([])
    numbered(plot, cosines, shown, "{:.2f}")
    for label in plot.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")
    figure.colorbar(shown, ax=plot, label="cosine")
    return {"clip": figure}


def tell(data: Data) -> list[Block]:
    """Contrastive learning."""
    cosines = np.array(data["cosines"])
    best = (cosines.argmax(1) == np.arange(len(cosines))).sum()
    trained = (
        f"This small one has learned for {data['steps']} steps from drivetr's rendered streets"
        if data["steps"]
        else "This one was loaded from the file that was named"
    )
    return [
        Text(
            "A classifier knows the classes it was trained with. CLIP learns from sentences"
            " instead: a ViT makes a vector of each picture, a text transformer one of each"
            " sentence, and training pulls the two of a pair together and pushes all others in the"
            " batch apart. Each picture has to find its sentence among all sentences, and each"
            " sentence its picture."
        ),
        Formula(
            "loss = ½ · mean_i [ −log softmax_j(s · cos(I_i, T_j)) at j = i ]"
            " + ½ · the same with I and T exchanged",
            "InfoNCE in both directions, Radford et al., arXiv:2103.00020, figure 3; s is learned,"
            f" here {data['scale']:.1f}. In the training here captions that are equal share their"
            " pictures.",
        ),
        Picture(
            "clip",
            "Held-out objects, one of each class that there is, against a sentence about each."
            f" In {best} of {len(cosines)} rows the right sentence has the highest cosine.",
        ),
        Text(
            f"{trained}, whose captions name class, colour, distance and weather. Asked for the"
            f" class of {data['tested']} held-out objects by the cosine with prompts such as"
            f" 'a photo of a bus', it is right for {data['accuracy']:.1%}; guessing gives 10 %."
            " No classifier was trained for that, so another class needs another sentence and"
            " nothing else."
        ),
    ]


PART = Part("CLIP: pictures and sentences in one space", compute, draw, tell)
