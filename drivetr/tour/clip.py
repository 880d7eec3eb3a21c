"""CLIP: pictures and sentences in one space, compared all with all."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from drivetr.data.captions import caption
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
STEPS, LR, BATCH_SIZE = 350, 2e-3, 64
PATCH = 12
CAPTION = "a {colour} {thing} {distance} {weather}"


def compute(settings: Settings) -> Data:
    """Compares held-out crops, one a class, with the caption of each of them."""
    root = world_folder(settings)
    clip = train_clip(root, settings) if settings.clip is None else load_clip(settings.clip)
    crops = ObjectCrops((root, VERSION), VAL, crop_rule(clip.image_size))
    labels = [DETECTION_CLASSES.index(seen.facts.name) for seen in crops.objects]
    pictures = torch.stack([crops.picture(number) for number in range(len(crops))])
    shuffled = torch.randperm(len(labels), generator=settings.generator()).tolist()
    first = [
        next(number for number in shuffled if labels[number] == label)
        for label in range(len(DETECTION_CLASSES))
        if label in labels
    ]
    texts = [caption(crops.objects[number].facts, CAPTION) for number in first]
    right = zero_shot(clip, pictures) == torch.tensor(labels)
    return as_data(
        {
            **look(clip, pictures[first], texts),
            "pictures": [picture_text(pictures[number]) for number in first],
            "accuracy": right.float().mean(),
            "tested": len(labels),
            "steps": settings.steps(STEPS) if settings.clip is None else None,
        },
        digits=4,
    )


def crop_rule(size: int) -> CropRule:
    """Objects that one can make out: large enough, and little hidden."""
    return CropRule(size, min_side=24.0, min_visibility=3)


def untrained_clip() -> LoadedClip:
    """A small CLIP with random weights."""
    model = CLIP(
        vision=ViT(
            IMAGE_SIZE, PATCH, num_layers=3, num_heads=4, embed_dim=EMBED_DIM,
            mlp_dim=2 * EMBED_DIM, eps=1e-5, activation="quick_gelu", clip_style=True,
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
    dataset = CaptionedCrops((root, VERSION), TRAIN, crop_rule(IMAGE_SIZE), CONTEXT)
    loader = loader_for_training(dataset, LoaderSettings(BATCH_SIZE, 0), settings.seed, clip.device)
    criterion = ContrastiveCriterion(share_true_texts=True)

    def loss(batch: ImageTextBatch) -> Tensor:
        losses = criterion(clip.model(*batch.inputs), *batch.truth)
        return losses["loss_image"] + losses["loss_text"]

    stream: Any = batches(loader)
    fit(clip.model, loss, stream, settings.steps(STEPS), LR, "CLIP")
    return clip


@torch.no_grad()
def look(clip: LoadedClip, pictures: Tensor, texts: Sequence[str]) -> dict[str, Any]:
    """The cosine of every picture (B,3,S,S) with every text, and the factor on it."""
    cosines = clip.embed_images(pictures) @ clip.embed_texts(texts).T
    return {"texts": texts, "cosines": cosines, "scale": clip.scale}


def zero_shot(clip: LoadedClip, pictures: Tensor) -> Tensor:
    """The class whose prompts each picture is closest to."""
    return (clip.embed_images(pictures) @ clip.embed_names(DETECTION_CLASSES).T).argmax(-1)


def draw(data: Data) -> Mapping[str, Figure]:
    """The matrix, a row a caption, below the pictures of its columns."""
    cosines = np.array(data["cosines"]).T
    count = len(cosines)
    figure, axes = panels(2, 1, 0.47 * count + 0.9, height_ratios=[1.05, count])
    strip = np.concatenate([picture_from(text) for text in data["pictures"]], axis=1)
    picture(axes[0, 0], strip, "cosine of picture and caption", aspect="auto")
    plot = axes[1, 0]
    shown = matrix(plot, cosines, data["texts"], [""] * count, "", aspect="auto")
    plot.set_xticks([])
    numbered(plot, cosines, shown, "{:.2f}")
    for number in range(count):
        frame = Rectangle((number - 0.48, number - 0.48), 0.96, 0.96, fill=False, lw=2.4)
        frame.set_edgecolor("#d55e00")
        plot.add_patch(frame)
    figure.colorbar(shown, ax=axes.ravel().tolist(), label="cosine")
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
            f" here {data['scale']:.1f}. In the training here every caption that is true of a"
            " picture counts as one of its own.",
        ),
        Picture(
            "clip",
            "Held-out objects, one of each class that there is, against the captions of all of"
            f" them. For {best} of {len(cosines)} pictures the own caption (framed) has the highest"
            " cosine.",
        ),
        Text(
            f"{trained}, whose captions name class, colour, distance and weather. Asked for the"
            f" class of {data['tested']} held-out objects by the cosine with prompts such as"
            f" 'a photo of a bus', it is right for {data['accuracy']:.1%}; guessing gives 10 %."
            " No classifier was trained for that, so another class needs another sentence and"
            " nothing else."
        ),
        Text(
            "A minute is short for a network that knew neither streets nor English. It learns what"
            " is easily seen first, such as light, colour and size, and names come later. The"
            " recipe configs/clip/clip_synth.py trains longer on more scenes; --clip draws this"
            " part with its checkpoint."
        ),
    ]


PART = Part("CLIP: pictures and sentences in one space", compute, draw, tell)
