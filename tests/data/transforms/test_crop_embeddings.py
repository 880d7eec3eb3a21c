"""CropEmbeddings: every box gets its own row, and files that do not fit are refused."""

from dataclasses import replace

import pytest
import torch

from drivetr.data.transforms.crop_embeddings import CropEmbeddings, write_crop_embeddings
from drivetr.errors import DrivetrError


@pytest.fixture
def written(tmp_path, frame):
    """A file that holds the objects in another order; object n has the embedding (n, n, n)."""
    order = frame.targets.instance.flip(0)
    path = tmp_path / "crops.safetensors"
    write_crop_embeddings(path, {frame.token: (order, order[:, None].expand(-1, 3).float())})
    return path


def test_rows_follow_their_objects(written, frame, generator):
    chosen = replace(frame, targets=frame.targets[torch.tensor([2, 0])])
    after = CropEmbeddings(written)(chosen, generator).targets
    assert after.embeddings[:, 0].tolist() == after.instance.tolist()
    assert after.embeddings.shape == (2, 3)


def test_frames_without_boxes_and_without_truth(written, frame, generator):
    transform = CropEmbeddings(written)
    assert transform(replace(frame, targets=None), generator).targets is None
    none = transform(replace(frame, targets=frame.targets[:0]), generator).targets
    assert none.embeddings.shape == (0, 3)


def test_another_dataset_is_refused(written, frame, generator):
    with pytest.raises(DrivetrError, match="knows nothing of sample elsewhere"):
        CropEmbeddings(written)(replace(frame, token="elsewhere"), generator)
    other = replace(frame.targets, instance=frame.targets.instance + 1000)
    with pytest.raises(DrivetrError, match="boxes that were not there when the file was made"):
        CropEmbeddings(written)(replace(frame, targets=other), generator)


def test_missing_and_damaged_files(tmp_path, frame, generator):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"0" * 100)
    for path in (tmp_path / "absent.safetensors", broken):
        with pytest.raises(DrivetrError, match="no file of crop embeddings"):
            CropEmbeddings(path)(frame, generator)
