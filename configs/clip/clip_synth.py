"""CLIP from random weights on objects of the synthetic world and generated captions, on a CPU.

Text.

    drivetr synth data/synth_clip --size 192x512 --reach 20 --density 1.6 --scenes 328 \
        --val-scenes 48 --frames-per-scene 2
    drivetr train configs/clip/clip_synth.py --dataroot data/synth_clip --version v1.0-synth
    drivetr test work_dirs/clip_synth/last.pth
"""

from torch.optim import AdamW

from drivetr.data.nuscenes.crops import CaptionedCrops, CropRule, PromptedCrops
from drivetr.models.clip import CLIP, TextTransformer
from drivetr.models.clip_criterion import ContrastiveCriterion
from drivetr.models.zero_shot import ZeroShotPostprocess
from drivetr.nn.backbones.vit import ViT

embed_dim = 128
context_length = 20
rule = dict(type=CropRule, size=48, min_side=16.0, min_visibility=2)

model = dict(
    type=CLIP,
    vision=dict(
        type=ViT,
        image_size=48,
        patch_size=8,
        num_layers=4,
        num_heads=4,
        embed_dim=embed_dim,
        mlp_dim=2 * embed_dim,
        eps=1e-5,
        activation="quick_gelu",
        clip_style=True,
    ),
    text=dict(
        type=TextTransformer,
        context_length=context_length,
        embed_dim=embed_dim,
        num_heads=4,
        num_layers=2,
        mlp_dim=2 * embed_dim,
    ),
    embed_dim=embed_dim,
)
postprocess = dict(type=ZeroShotPostprocess, num_classes=10)
criterion = dict(type=ContrastiveCriterion, share_true_texts=True)

train_data = dict(
    type=CaptionedCrops,
    dataroot="data/synth_clip",
    version="v1.0-synth",
    split="synth_train",
    rule=rule,
    context_length=context_length,
    batch_size=128,
    num_workers=0,
)
test_data = dict(
    type=PromptedCrops,
    dataroot="data/synth_clip",
    version="v1.0-synth",
    split="synth_val",
    rule=rule,
    context_length=context_length,
    batch_size=128,
    num_workers=0,
)
optimizer = dict(type=AdamW, lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98), fused=True)
schedule = dict(iterations=1500, warmup_iterations=100, warmup_ratio=0.05, min_ratio=0.01)
reference_batch_size = 128
clip_norm = 5
log_interval = 50
checkpoint = dict(interval=500, keep=2)
