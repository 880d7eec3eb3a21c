"""The demo's detector with PETR's queries, learned and without content, in place of the grid."""

from mmengine.config import read_base

from drivetr.nn.queries import LearnedQueries

with read_base():
    from ..petr.petr_point_synth import *

model["queries"] = dict(type=LearnedQueries, num_queries=144, embed_dim=embed_dim)
