"""The transformer (arXiv:1706.03762) translates "three hundred and five" to "305".

It learns from numbers below 100,000, eight of ten; the test asks for numbers that it has not seen,
and counts a translation only if all digits are right.

    drivetr train configs/transformer/number_words.py
    drivetr test work_dirs/number_words/last.pth
"""

from torch.optim import AdamW

from drivetr.data.number_words import DIGITS, NumberWordsDataset
from drivetr.models.classification import CrossEntropy, LikeliestWords
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.transformer import PAD, Transformer

embed_dim = 64
layers = dict(embed_dim=embed_dim, num_heads=4, ffn_dim=2 * embed_dim, num_layers=2, dropout=0.0)

model = dict(
    type=Transformer,
    encoder=dict(type=TransformerEncoder, **layers),
    decoder=dict(type=TransformerDecoder, **layers),
    source_size=34,  # drivetr.data.number_words.WORDS
    target_size=13,  # and DIGITS
    embed_dim=embed_dim,
    max_length=8,
)
postprocess = dict(type=LikeliestWords)
criterion = dict(type=CrossEntropy, ignored=PAD)
classes = DIGITS

train_data = dict(type=NumberWordsDataset, split="train", batch_size=64, num_workers=0)
test_data = dict(
    type=NumberWordsDataset,
    split="test",
    with_targets=False,
    first=2000,
    batch_size=500,
    num_workers=0,
)
optimizer = dict(type=AdamW, lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98))
schedule = dict(iterations=800, warmup_iterations=100, warmup_ratio=0.01, min_ratio=0.01)
clip_norm = 1
log_interval = 100
checkpoint = dict(interval=1000, keep=1)
