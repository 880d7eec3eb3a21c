"""Large backbones in parts, one in each process: PyTorch's FSDP2 for the blocks of a module.

Weights, gradients and optimizer state of a block are cut along their first axis and held in parts;
a block is put together for as long as it computes. What is outside the blocks stays whole in every
process. A checkpoint holds whole tensors, as that of any other run.
"""

from typing import Any

from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from drivetr.engine.config import suggestion
from drivetr.errors import DrivetrError


def shard_blocks(model: nn.Module, names: tuple[str, ...], source: object) -> list[str]:
    """Shards the blocks of named modules over all processes, in place.

    Every process has to hold the same weights. The blocks are the members of the lists and
    sequences inside a module, the outermost of them.

    Args:
        model: the wrapper of detector and criterion, on its device.
        names: dotted names of modules of the detector.
        source: config, for messages.

    Returns:
        the names of the blocks in the model.

    Raises:
        DrivetrError: there is no such module, or nothing in it is a block.
    """
    modules = dict(model.named_modules())
    found: list[str] = []
    for name in names:
        if f"detector.{name}" not in modules:
            known = [key.removeprefix("detector.") for key in modules if "detector." in key]
            raise DrivetrError(
                f"{source}: fsdp names {name!r}, which the detector has not"
                f"{suggestion(name, known)}"
            )
        blocks = _blocks(modules[f"detector.{name}"], f"detector.{name}")
        if not blocks:
            raise DrivetrError(
                f"{source}: fsdp names {name!r}, which has no list of blocks to shard; name a"
                " transformer such as a ViT"
            )
        found += blocks
    device = next(model.parameters()).device
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    for name in found:
        fully_shard(modules[name], mesh=mesh, reshard_after_forward=True)
    sharded = [name for name, p in model.named_parameters() if isinstance(p, DTensor)]
    # The rest is left to DistributedDataParallel, which reads this list off the model.
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, sharded)
    return found


def _blocks(module: nn.Module, name: str) -> list[str]:
    """Names of the members of the outermost lists and sequences that have weights."""
    children = {f"{name}.{key}": child for key, child in module.named_children()}
    if isinstance(module, nn.ModuleList | nn.Sequential):
        return [key for key, child in children.items() if any(True for _ in child.parameters())]
    return [block for key, child in children.items() for block in _blocks(child, key)]


def local(value: Tensor) -> Tensor:
    """This process's part of a tensor, which shares its memory; all of one that is not sharded."""
    return value.to_local() if isinstance(value, DTensor) else value


def whole(state: Any) -> Any:
    """A state dict with all of its tensors whole; a collective call where some are sharded.

    Those come on the CPU, one after the other: a device that needs sharding has no room for all.
    """
    return tree_map(lambda v: v.full_tensor().cpu() if isinstance(v, DTensor) else v, state)


def sharded_like(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor in parts, as `like` is."""
    if not isinstance(like, DTensor):
        return value
    # Every process has the whole tensor: none is the one that hands out the parts.
    return distribute_tensor(
        value.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )


def load_whole_weights(module: nn.Module, state: dict[str, Tensor]) -> None:
    """`load_state_dict` of whole tensors into a module of which parts may be sharded."""
    own = module.state_dict()
    module.load_state_dict(
        {key: sharded_like(v, own[key]) if key in own else v for key, v in state.items()}
    )


def sharded_optimizer_state(state: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """The state dict of an optimizer with whole tensors, cut as its parameters are."""
    params = [p for group in optimizer.param_groups for p in group["params"]]

    def cut(index: int, entry: dict[str, Any]) -> dict[str, Any]:
        like = params[index]
        return {
            key: sharded_like(value, like) if value.shape == like.shape else value
            for key, value in entry.items()
        }

    return {**state, "state": {index: cut(index, entry) for index, entry in state["state"].items()}}
