"""The recorded head on a GPU."""

from pathlib import Path

import pytest
import torch

from tests.parity.comparison import BOXES, LOGITS, Comparison
from tests.parity.golden_case import GoldenCase
from tests.parity.petr_case import build_petr, head_outputs, recorded_cameras


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: head on GPU not run")
def test_head_on_cuda(golden_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In true float32: the tensor cores' shorter mantissas (TF32) stay off."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    case = GoldenCase.open(golden_dir / "petr_head_tiny.json")
    model, cameras = build_petr(case).cuda(), recorded_cameras(case).to("cuda")
    ours = head_outputs(model, case, cameras)
    for name, tolerance in (("all_cls_scores", LOGITS), ("all_bbox_preds", BOXES)):
        compared = Comparison(name, ours[name].cpu(), case.outputs[name], tolerance["tiny"])
        assert compared.passed, f"{name}: {compared.max_difference}"
