"""Parameter groups, clipping and mixed precision."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn
from torch.optim import SGD, AdamW

from drivetr.engine.config import load_config
from drivetr.engine.optim import build_optimizer, parameter_groups, wrap_optimizer
from drivetr.engine.training import DetectorTraining
from drivetr.errors import DrivetrError
from tests.engine.tiny import TinyBackbone, TinyCriterion, TinyDetector

CONFIG = load_config(Path(__file__).with_name("tiny_config.py"))
CPU = torch.device("cpu")


@pytest.fixture
def model() -> DetectorTraining:
    return DetectorTraining(TinyDetector(TinyBackbone()), TinyCriterion())


class TestGroups:
    def test_each_parameter_once_with_its_rate(self, model):
        model.detector.boxes.bias.requires_grad_(False)
        rates = {"backbone": 0.1, "backbone.norm": 0.5}
        groups = parameter_groups(model, 2.0, rates, "c.py")
        lr_of = {id(p): group["lr"] for group in groups for p in group["params"]}
        expected = {"backbone.conv": 0.2, "backbone.norm": 1.0}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                module = name.removeprefix("detector.").rpartition(".")[0]
                assert lr_of.pop(id(parameter)) == expected.get(module, 2.0), name
        assert not lr_of

    def test_unknown_module(self, model):
        with pytest.raises(DrivetrError, match="'bakbone', which .*did you mean 'backbone'"):
            parameter_groups(model, 1.0, {"bakbone": 0.1}, "c.py")

    @pytest.mark.parametrize(
        ("node", "said"),
        [
            (dict(type=AdamW), "needs 'lr', found type"),
            (dict(lr=1.0), "needs 'type', found lr"),
            (dict(type=AdamW, lr=1.0, weight_deacy=0.1), "did you mean 'weight_decay'"),
        ],
    )
    def test_mistakes(self, model, node, said):
        with pytest.raises(DrivetrError, match=said):
            build_optimizer(model, node, 1.0, "c.py")

    def test_scale(self, model):
        node = dict(type=AdamW, lr=0.5, weight_decay=0.25, module_lr={"backbone": 0.5})
        optimizer = build_optimizer(model, node, 4.0, "c.py")
        assert [group["lr"] for group in optimizer.param_groups] == [2.0, 1.0]
        assert {group["weight_decay"] for group in optimizer.param_groups} == {0.25}


class TestWrapper:
    def wrapped(self, module, clip_norm=None, amp="off"):
        wrapper = wrap_optimizer(
            SGD(module.parameters(), lr=1.0), replace(CONFIG, clip_norm=clip_norm, amp=amp), CPU
        )
        wrapper.message_hub = MessageHub.get_instance(f"hub{id(wrapper)}")
        return wrapper

    @pytest.mark.parametrize(("clip_norm", "step"), [(None, 30.0), (3.0, 3.0), (100.0, 30.0)])
    def test_clipping(self, clip_norm, step):
        module = nn.Linear(1, 1, bias=False)
        before = module.weight.item()
        self.wrapped(module, clip_norm).update_params(30 * module.weight.sum())
        assert before - module.weight.item() == pytest.approx(step, rel=1e-4)

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_gradient_that_is_not_finite_never_reaches_the_weights(self, bad):
        module = nn.Linear(1, 1, bias=False)
        before = module.weight.item()
        with pytest.raises(FloatingPointError, match="gradient is not finite"):
            self.wrapped(module).update_params(bad * module.weight.sum())
        assert module.weight.item() == before

    def test_bf16_on_the_cpu(self):
        module = nn.Linear(4, 4)
        with self.wrapped(module, amp="bf16").optim_context(module):
            assert module(torch.ones(1, 4)).dtype == torch.bfloat16
        with self.wrapped(module).optim_context(module):
            assert module(torch.ones(1, 4)).dtype == torch.float32

    @pytest.mark.parametrize(
        ("amp", "said"), [("fp16", "needs a CUDA device"), ("fp8", "expected 'off'")]
    )
    def test_mistakes(self, amp, said):
        with pytest.raises(DrivetrError, match=said):
            self.wrapped(nn.Linear(1, 1), amp=amp)
