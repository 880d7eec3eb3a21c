"""The optimizer with a rate for each part of the detector, and its mixed-precision wrappers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from drivetr.engine.build import Builder
from drivetr.engine.config import RunConfig, suggestion
from drivetr.engine.training import DetectorTraining
from drivetr.errors import DrivetrError

# Half of the first one, 65536, thirty times: a gradient that overflows fp16 even so is infinite.
SMALLEST_LOSS_SCALE = 1e-4


class CheckedOptimWrapper(OptimWrapper):
    """Clips the gradient and stops at one that is not finite, before it reaches the weights.

    The gradient is the mean over all processes, and so is the verdict on it.

    Args:
        optimizer: as in OptimWrapper.
        max_norm: largest norm of the gradient.
        dtype: bfloat16 for mixed precision on any device (mmengine's own asserts an accelerator);
            None for full precision. bfloat16 has the range of float32 and needs no loss scale.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, max_norm: float, dtype: torch.dtype | None
    ) -> None:
        # mmengine calls `_clip_grad` when it is given any settings for it.
        super().__init__(optimizer=optimizer, clip_grad={"max_norm": max_norm})
        self.max_norm = max_norm
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
        norm = self._clipped_norm()
        if not math.isfinite(norm):
            raise FloatingPointError(f"the gradient is not finite (norm {norm})")

    def _clipped_norm(self) -> float:
        """The norm of the whole gradient, which is clipped and logged."""
        params = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = clip_gradients([p for p in params if p.grad is not None], self.max_norm)
        self.message_hub.update_scalar("train/grad_norm", norm)
        return norm


class ScaledOptimWrapper(CheckedOptimWrapper):
    """With fp16, whose small range needs a loss scale; a step that overflows is left out.

    After each such step the scale is halved; the scaler is part of the state.

    Args:
        optimizer: as in OptimWrapper.
        max_norm: largest norm of the gradient.
        device: kind of the device.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, max_norm: float, device: str) -> None:
        super().__init__(optimizer, max_norm, torch.float16)
        self.loss_scaler = torch.amp.GradScaler(device)

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Backward pass of the scaled loss."""
        super().backward(self.loss_scaler.scale(loss), **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clips the true gradient and updates the weights, unless it overflowed.

        The scaler by itself looks at the scaled gradient only. A small scale can hide that the true
        one overflows, which would reach the weights.

        Raises:
            DrivetrError: it overflows at the smallest scale.
        """
        scaler = self.loss_scaler
        scaler.unscale_(self.optimizer)
        if math.isfinite(self._clipped_norm()):
            scaler.step(self.optimizer, **kwargs)
            scaler.update()
            return
        scale = scaler.get_scale()
        if scale < SMALLEST_LOSS_SCALE:
            raise DrivetrError(
                f"every step overflows in fp16, down to a loss scale of {scale:g}; lower"
                " optimizer.lr, or train in bf16: --cfg-options amp=bf16"
            )
        scaler.update(scale * scaler.get_backoff_factor())

    def state_dict(self) -> dict[str, Any]:
        """That of the optimizer with `loss_scaler` added."""
        return {**super().state_dict(), "loss_scaler": self.loss_scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over both."""
        own = dict(state_dict)
        self.loss_scaler.load_state_dict(own.pop("loss_scaler"))
        super().load_state_dict(own)


def clip_gradients(params: list[nn.Parameter], max_norm: float) -> float:
    """Scales the gradients of parameters down to a norm of at most `max_norm`, and gives the norm.

    Those that are sharded over the processes count with all of their parts.
    """
    gradients = [p.grad for p in params if p.grad is not None]
    parts = [g.to_local() for g in gradients if isinstance(g, DTensor)]
    whole = [g for g in gradients if not isinstance(g, DTensor)]
    norm = nn.utils.get_total_norm(whole)
    if parts:
        square = nn.utils.get_total_norm(parts).square()
        distributed.all_reduce(square)
        norm = (norm.square() + square).sqrt()
    # As in torch's clip_grad_norm_, which does not take a mixture of the two kinds.
    torch._foreach_mul_([*whole, *parts], (max_norm / (norm + 1e-6)).clamp(max=1.0))
    return float(norm)


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
    optimizer: torch.optim.Optimizer, config: RunConfig, device: torch.device
) -> OptimWrapper:
    """The optimizer with the gradient clipping and mixed precision of a config."""
    amp, source = config.amp, config.file
    max_norm = math.inf if config.clip_norm is None else float(config.clip_norm)
    if amp in ("off", "bf16"):
        return CheckedOptimWrapper(optimizer, max_norm, torch.bfloat16 if amp == "bf16" else None)
    if amp != "fp16":
        raise DrivetrError(f"{source}: amp is {amp!r}, expected 'off', 'bf16' or 'fp16'")
    if device.type != "cuda":
        raise DrivetrError(
            f"{source}: amp='fp16' needs a CUDA device, this run is on {device.type}; use bf16:"
            " --cfg-options amp=bf16"
        )
    if config.fsdp:
        raise DrivetrError(f"{source}: amp='fp16' does not go with fsdp; use amp='bf16'")
    return ScaledOptimWrapper(optimizer, max_norm, device.type)
