"""The demo's detector with learned reference points in place of a grid on the ground."""

from mmengine.config import read_base

from drivetr.nn.queries import LearnedQueries

with read_base():
    from ..petr.petr_point_synth import *

model["queries"] = dict(type=LearnedQueries, num_queries=144, embed_dim=embed_dim)
