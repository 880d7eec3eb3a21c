import pytest
import torch
from torch import Tensor, nn

from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.necks.fpn import FPN, add_top_down

CHANNELS, SIZES = (4, 6, 8), ((9, 11), (5, 6), (3, 3))


def incoming() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, c, *size) for c, size in zip(CHANNELS, SIZES, strict=True)]


def repeated(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest neighbour by indexing: row r of the result is row floor(r * rows / new_rows)."""
    rows = [r * x.shape[-2] // size[0] for r in range(size[0])]
    columns = [c * x.shape[-1] // size[1] for c in range(size[1])]
    return x[..., rows, :][..., columns]


def test_top_down_sums() -> None:
    a, b, c = (x[:, :4] for x in incoming())
    summed = add_top_down([a, b, c])
    middle = b + repeated(c, SIZES[1])
    torch.testing.assert_close(summed[2], c)
    torch.testing.assert_close(summed[1], middle)
    torch.testing.assert_close(summed[0], a + repeated(middle, SIZES[0]))


@pytest.mark.parametrize("neck", [FPN(CHANNELS, 5), CPFPN(CHANNELS, 5)])
def test_one_map_of_equal_width_per_level(neck: nn.Module) -> None:
    outputs = neck(incoming())
    assert [tuple(x.shape) for x in outputs] == [(2, 5, *size) for size in SIZES]
    assert neck.out_channels == 5


def test_cpfpn_equals_fpn_on_the_finest_map() -> None:
    fpn, cpfpn = FPN(CHANNELS, 5), CPFPN(CHANNELS, 5)
    cpfpn.load_state_dict({k: v for k, v in fpn.state_dict().items() if k in cpfpn.state_dict()})
    torch.testing.assert_close(cpfpn(incoming())[0], fpn(incoming())[0])


def test_cpfpn_has_one_last_convolution() -> None:
    names = {name.rsplit(".", 1)[0] for name in CPFPN(CHANNELS, 5).state_dict()}
    laterals = {f"lateral_convs.{i}.conv" for i in range(3)}
    assert names == laterals | {"fpn_convs.0.conv"}


def test_start_level_and_further_maps() -> None:
    neck = FPN(CHANNELS, 5, start_level=1, num_outs=4)
    outputs = neck(incoming())
    assert [tuple(x.shape[-2:]) for x in outputs] == [(5, 6), (3, 3), (2, 2), (1, 1)]
    torch.testing.assert_close(outputs[2], neck.fpn_convs[2](outputs[1]))
    torch.testing.assert_close(outputs[3], neck.fpn_convs[3](outputs[2].relu()))


def test_a_single_level_is_enough() -> None:
    neck = CPFPN((4,), 5)
    features = incoming()[0]
    (output,) = neck([features])
    torch.testing.assert_close(output, neck.fpn_convs[0](neck.lateral_convs[0](features)))


def test_a_missing_level_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        CPFPN(CHANNELS, 5)(incoming()[:2])
