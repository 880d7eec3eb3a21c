"""The demo's detector with names in the place of class weights: an object is found by its name.

Two classes are hidden: their boxes teach "an object", where it is and how CLIP sees it, and not
their names. At test time the texts of all ten names are put into the head, and the hidden ones find
what they stand for as far as the detector's queries lie where CLIP has its texts
(`drivetr.models.named_classes`, `drivetr.models.name_criterion`). The names' embeddings and those
of the crops come from one CLIP model, trained on crops with captions of all ten classes. The images
are larger than the detector's so that CLIP sees more than a few pixels:

    drivetr synth data/synth --size 192x512 --reach 14 --density 2.4 --scenes 560 --val-scenes 40 \
        --frames-per-scene 2
    drivetr train configs/clip/clip_synth.py --dataroot data/synth --version v1.0-synth
    drivetr names work_dirs/clip_synth/last.pth data/synth --version v1.0-synth \
        --split synth_train --hidden bus pedestrian --out data/names
    drivetr train configs/petr/petr_open_vocabulary_synth.py --dataroot data/synth \
        --version v1.0-synth --cfg-options model.head.names.init=data/names/named.safetensors \
        train_data.transforms.0.file=data/names/crops.safetensors
    python -m benchmarks.open_vocabulary work_dirs/petr_open_vocabulary_synth/last.pth data/names \
        --dataroot data/synth --version v1.0-synth --hidden bus pedestrian
"""

from mmengine.config import read_base

from drivetr.data.transforms.crop_embeddings import CropEmbeddings
from drivetr.data.transforms.unname import Unname
from drivetr.models.name_criterion import NameCriterion
from drivetr.models.named_classes import NamedClasses

with read_base():
    from .petr_point_synth import *

text_dim = 128  # of the CLIP model's common space
labels = 11  # the ten classes and "an object"

model["head"].update(names=dict(type=NamedClasses, num_classes=10, text_dim=text_dim, init=None))
model["depth_head"].update(num_classes=labels)
model["token_embedding"].update(num_classes=labels)
criterion.update(num_classes=labels, names=dict(type=NameCriterion, distillation_weight=3.0))
criterion["tokens"].update(num_classes=labels)
train_data["transforms"][:0] = [
    dict(type=CropEmbeddings, file="data/names/crops.safetensors"),
    dict(type=Unname, hidden=("bus", "pedestrian")),
]
schedule.update(iterations=2000)
