"""The optimizer with a rate for each part of the detector, and its mixed-precision wrappers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.config import suggestion
from drivetr.engine.training import DetectorTraining
from drivetr.errors import DrivetrError


class CheckedOptimWrapper(OptimWrapper):
    """Clips the gradient and stops at one that is not finite, before it reaches the weights.

    Args:
        optimizer: as in OptimWrapper.
        max_norm: largest norm of the gradient.
        dtype: bfloat16 for mixed precision on any device (mmengine's own asserts an accelerator);
            None for full precision. bfloat16 has the range of float32 and needs no loss scale.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, max_norm: float, dtype: torch.dtype | None
    ) -> None:
        super().__init__(optimizer=optimizer, clip_grad={"max_norm": max_norm})
        self.dtype = dtype

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Mixed precision around the forward pass."""
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            torch.autocast(device, dtype=self.dtype, enabled=self.dtype is not None),
        ):
            yield

    def _clip_grad(self) -> None:
        super()._clip_grad()
        norm = self.message_hub.get_scalar("train/grad_norm").current()
        if not math.isfinite(norm):
            raise FloatingPointError(f"the gradient is not finite (norm {norm})")


def parameter_groups(
    model: DetectorTraining, lr: float, module_lr: dict[str, float], source: object
) -> list[dict[str, Any]]:
    """Groups of parameters with their learning rates.

    Args:
        model: detector and criterion.
        lr: base rate.
        module_lr: dotted name of a module of the detector -> factor; the longest name wins.
        source: config, for messages.
    """
    detector = dict(model.detector.named_modules())
    for name in module_lr:
        if name not in detector:
            known = [child for child, _ in model.detector.named_children()]
            raise DrivetrError(
                f"{source}: optimizer.module_lr names {name!r}, which the detector has not"
                f"{suggestion(name, known)}"
            )
    prefixes = sorted(module_lr, key=len, reverse=True)
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in ["", *module_lr]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            owner = (p for p in prefixes if name.startswith(f"detector.{p}."))
            groups[next(owner, "")].append(parameter)
    return [
        {"params": params, "lr": lr * module_lr.get(name, 1.0)}
        for name, params in groups.items()
        if params
    ]


def build_optimizer(
    model: DetectorTraining, node: dict[str, Any], scale: float, source: object
) -> torch.optim.Optimizer:
    """The optimizer of a config.

    Args:
        model: on its final device.
        node: `optimizer` of the config.
        scale: what the rate is multiplied by for the real batch size.
        source: config, for messages.
    """
    arguments = {k: v for k, v in node.items() if k not in ("type", "module_lr")}
    for key in ("type", "lr"):
        if key not in node:
            raise DrivetrError(f"{source}: optimizer needs {key!r}, found {', '.join(node)}")
    module_lr = node.get("module_lr", {})
    rates = [arguments["lr"], *module_lr.values()] if isinstance(module_lr, dict) else []
    if not rates or not all(isinstance(rate, int | float) for rate in rates):
        raise DrivetrError(
            f"{source}: optimizer has lr {arguments['lr']!r} and module_lr {module_lr!r}, expected"
            " a number and a dict from module to factor"
        )
    arguments["lr"] *= scale
    groups = parameter_groups(model, arguments["lr"], module_lr, source)
    optimizer: torch.optim.Optimizer = Builder(str(source)).call(
        node["type"], {"params": groups, **arguments}, "optimizer"
    )
    return optimizer


def wrap_optimizer(
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
    amp: str,
    device: torch.device,
    source: object,
) -> OptimWrapper:
    """The optimizer with gradient clipping and mixed precision `amp` (off, bf16 or fp16)."""
    max_norm = math.inf if clip_norm is None else float(clip_norm)
    if amp in ("off", "bf16"):
        return CheckedOptimWrapper(optimizer, max_norm, torch.bfloat16 if amp == "bf16" else None)
    if amp != "fp16":
        raise DrivetrError(f"{source}: amp is {amp!r}, expected 'off', 'bf16' or 'fp16'")
    if device.type != "cuda":
        raise DrivetrError(
            f"{source}: amp='fp16' needs a CUDA device, this run is on {device.type}; use bf16:"
            " --cfg-options amp=bf16"
        )
    return AmpOptimWrapper(
        optimizer=optimizer, dtype="float16", loss_scale="dynamic", clip_grad={"max_norm": max_norm}
    )
