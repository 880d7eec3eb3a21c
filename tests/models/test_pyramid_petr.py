"""RepDETR3D's detector: names of the published code, and what it needs for its samples."""

import pytest
import torch

from drivetr.models.petr_layouts import STREAMPETR_LAYOUT
from drivetr.nn.feature_pyramid import FeaturePyramid
from tests.models.samples import make_cameras
from tests.models.test_streampetr import build

HEAD = "pts_bbox_head."
LAYER = HEAD + "transformer.decoder.layers.1."


@pytest.mark.parametrize(
    "published",
    [
        "img_neck.fpn_convs.3.conv.weight",
        HEAD + "reference_points.weight",
        HEAD + "query_embedding.2.bias",
        HEAD + "spatial_alignment.reduce.0.weight",
        HEAD + "spatial_alignment.gamma.bias",
        HEAD + "ego_pose_memory.beta.weight",
        LAYER + "attentions.0.attn.in_proj_weight",
        LAYER + "attentions.1.weights_fc.weight",
        LAYER + "attentions.1.learnable_fc.bias",
        LAYER + "attentions.1.cam_embed.4.weight",
        LAYER + "attentions.1.output_proj.weight",
        LAYER + "ffns.0.layers.1.weight",
        HEAD + "cls_branches.1.6.weight",
    ],
)
def test_names_of_the_published_code_have_a_place(published):
    """From the text of exiawsh/StreamPETR; no checkpoint was at hand."""
    translated = STREAMPETR_LAYOUT.translate({published: torch.zeros(())})
    assert set(translated) <= set(build("sampled").state_dict())


def test_it_hands_all_levels_to_the_decoder():
    model = build("sampled").detector
    cameras = make_cameras(1)
    with torch.no_grad():
        features = model.image_features(torch.zeros(1, 6, 3, 96, 256), cameras)
        pyramid = model.encode(features, cameras).content
    assert isinstance(pyramid, FeaturePyramid)
    sizes = [tuple(level.shape[-2:]) for level in pyramid.levels]
    assert sizes == [(12, 32), (6, 16), (3, 8), (2, 4)]
    assert pyramid.cameras is cameras
