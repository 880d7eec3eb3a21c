"""CLIP's loss against open_clip and transformers, and over two processes."""

import math
import os
import socket
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed
from torch import multiprocessing as mp
from torch.nn.functional import normalize

from drivetr.models.clip import CLIP, MAX_SCALE, TextTransformer
from drivetr.models.clip_criterion import ContrastiveCriterion
from drivetr.nn.backbones.vit import ViT

B, D = 6, 8
TOKENS = torch.tensor([[1, 2], [1, 3], [1, 4], [1, 2], [1, 5], [1, 6]])
# Two facts an image: say class and colour. Text 1 tells no colour and is true of image 3 too.
FACTS = torch.tensor([[7, 1], [7, 2], [8, 2], [7, 3], [8, 2], [9, 4]])
TOLD = torch.tensor([[7, 1], [7, 0], [8, 2], [7, 3], [0, 2], [9, 0]])


def features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    image, text = torch.randn(2, B, D, generator=generator)
    return {"image": image, "text": text, "logit_scale": torch.tensor(2.0)}


def outputs_of(leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    unit = {key: normalize(leaves[key], dim=-1) for key in ("image", "text")}
    return {**unit, "logit_scale": leaves["logit_scale"]}


def total(losses: dict[str, Tensor]) -> Tensor:
    return losses["loss_image"] + losses["loss_text"]


class TestValue:
    def test_open_clip(self):
        loss = pytest.importorskip("open_clip.loss")
        outputs = outputs_of(features())
        expected = loss.ClipLoss()(outputs["image"], outputs["text"], outputs["logit_scale"].exp())
        torch.testing.assert_close(total(ContrastiveCriterion()(outputs, FACTS, TOLD)), expected)

    def test_transformers(self):
        theirs = pytest.importorskip("transformers.models.clip.modeling_clip")
        outputs = outputs_of(features())
        logits = outputs["logit_scale"].exp() * outputs["text"] @ outputs["image"].T
        expected = theirs.image_text_contrastive_loss(logits)
        torch.testing.assert_close(total(ContrastiveCriterion()(outputs, FACTS, TOLD)), expected)

    def test_true_texts_are_shared(self):
        outputs = outputs_of(features())
        logits = (outputs["logit_scale"].exp() * outputs["image"] @ outputs["text"].T).tolist()
        true = {
            (i, j)
            for i, facts in enumerate(FACTS.tolist())
            for j, told in enumerate(TOLD.tolist())
            if all(t in (0, f) for t, f in zip(told, facts, strict=True))
        }
        assert (0, 1) in true
        assert (3, 1) in true
        assert (1, 0) not in true
        assert (1, 4) in true
        expected = 0.0
        for i in range(B):
            texts = [j for j in range(B) if (i, j) in true]
            images = [j for j in range(B) if (j, i) in true]
            row, column = logits[i], [line[i] for line in logits]
            for values, positives in ((row, texts), (column, images)):
                log_sum = math.log(sum(map(math.exp, values)))
                expected += sum(log_sum - values[j] for j in positives) / len(positives) / B / 2
        losses = ContrastiveCriterion(share_true_texts=True)(outputs, FACTS, TOLD)
        assert total(losses).item() == pytest.approx(expected, rel=1e-5)

    def test_where_every_text_has_one_image_sharing_changes_nothing(self):
        outputs = outputs_of(features())
        facts = torch.arange(1, B + 1)[:, None]
        shared = ContrastiveCriterion(share_true_texts=True)(outputs, facts, facts)
        torch.testing.assert_close(shared, ContrastiveCriterion()(outputs, facts, facts))

    def test_pairs(self):
        outputs = outputs_of(features())
        with pytest.raises(ValueError, match="6 images and 5 texts"):
            ContrastiveCriterion()({**outputs, "text": outputs["text"][:5]}, FACTS, TOLD)


class TestScale:
    def test_stays_at_most_100_in_training(self):
        model = CLIP(ViT(8, 8, 1, 1, 8, 8), TextTransformer(10, 2, 8, 1, 1), D)
        with torch.no_grad():
            model.logit_scale.fill_(9.0)
        images = torch.randn(B, 3, 8, 8)
        model.eval()(images, TOKENS)
        assert model.logit_scale.item() == 9.0
        outputs = model.train()(images, TOKENS)
        assert model.logit_scale.item() == pytest.approx(MAX_SCALE)
        total(ContrastiveCriterion()(outputs, FACTS, TOLD)).backward()
        assert model.logit_scale.grad is not None
        assert model.logit_scale.grad.isfinite()


def gradients(leaves: dict[str, Tensor], rows: slice) -> tuple[Tensor, dict[str, Tensor]]:
    leaves = {key: value.clone().requires_grad_() for key, value in leaves.items()}
    loss = total(
        ContrastiveCriterion(share_true_texts=True)(outputs_of(leaves), FACTS[rows], TOLD[rows])
    )
    loss.backward()
    return loss.detach(), {key: value.grad for key, value in leaves.items()}


def _one_process(rank: int, folder: str, port: int) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    own = slice(3 * rank, 3 * rank + 3)
    leaves = features()
    leaves = {**leaves, "image": leaves["image"][own], "text": leaves["text"][own]}
    torch.save(gradients(leaves, own), Path(folder, f"rank{rank}.pth"))
    distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_one_process, args=(str(tmp_path), port), nprocs=2)
    loss, expected = gradients(features(), slice(None))
    found = [torch.load(tmp_path / f"rank{rank}.pth", weights_only=True) for rank in range(2)]
    for rank_loss, _ in found:
        torch.testing.assert_close(rank_loss, loss)
    # Data parallel training averages over the processes.
    for key in ("image", "text"):
        both = torch.cat([grads[key] for _, grads in found]) / 2
        torch.testing.assert_close(both, expected[key])
    scale = sum(grads["logit_scale"] for _, grads in found) / 2
    torch.testing.assert_close(scale, expected["logit_scale"])
