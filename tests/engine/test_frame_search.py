"""Search over the images of a small world, against windows that are embedded one by one."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from drivetr.data.captions import class_prompts
from drivetr.data.clip_images import normalised, square_window
from drivetr.data.decode import decode_image_file
from drivetr.data.nuscenes.index import open_index
from drivetr.engine import frame_search
from drivetr.engine.clip import LoadedClip, load_clip
from drivetr.engine.frame_search import embeddings_of, images_of_split, query_vector, search
from drivetr.errors import DrivetrError
from drivetr.structures.classes import DETECTION_CLASSES
from tests.clip_world import VERSION, write_clip, write_vocabulary, write_world


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("search")
    write_world(out / "world")
    write_vocabulary(out / "merges.txt")
    write_clip(out / "clip")
    return out


@pytest.fixture
def clip(folder) -> LoadedClip:
    return load_clip(folder / "clip", folder / "merges.txt", "cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DRIVETR_CACHE", str(tmp_path))
    return tmp_path / "embeddings"


@pytest.fixture
def world(folder, tmp_path, cache) -> Path:
    """A copy that a test may change."""
    shutil.copytree(folder / "world", tmp_path / "world")
    return tmp_path / "world"


def embedded(world: Path, clip: LoadedClip):
    index = open_index(world, VERSION)
    images = images_of_split(index, "synth_val")
    return images, embeddings_of(index, "synth_val", images, clip)


class TestSearch:
    def test_ranks_by_the_best_window(self, world, clip):
        images, windows = embedded(world, clip)
        assert len(images) == 6
        prompts = clip.embed_texts(class_prompts(DETECTION_CLASSES)).unflatten(0, (10, -1))
        classes = normalize(prompts.mean(1), dim=-1)
        others = torch.cat([classes, clip.embed_texts(["an empty street"])])
        text = clip.embed_texts(["a car"])[0]
        hits = search(images, windows, query_vector(clip, "a car"))
        assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)
        for hit in hits:
            pixels = decode_image_file(world / hit.image.camera.filename)
            best = -2.0
            for window in hit.image.windows:
                one = normalised(square_window(pixels, window, clip.image_size)[None])
                with torch.no_grad():
                    vector = normalize(clip.model.encode_image(one), dim=-1)[0]
                best = max(best, float(vector @ text - (others @ vector).mean()))
            assert hit.score == pytest.approx(best, abs=2e-3)  # kept in half precision
            assert hit.window in hit.image.windows

    def test_windows_cover_the_image(self, world, clip):
        image = embedded(world, clip)[0][0]
        seen = torch.zeros(image.camera.height, image.camera.width, dtype=torch.int64)
        for left, top, right, bottom in image.windows:
            assert left >= 0
            assert top >= 0
            assert right <= image.camera.width + 1e-6
            assert bottom <= image.camera.height + 1e-6
            seen[round(top) : round(bottom), round(left) : round(right)] += 1
        assert seen.min() >= len(frame_search.SIDES)


class TestCache:
    def test_is_used(self, world, clip, no_embedding_later):
        _, first = embedded(world, clip)
        no_embedding_later()
        assert torch.equal(embedded(world, clip)[1], first.half().float())

    @pytest.fixture
    def no_embedding_later(self, monkeypatch):
        def arm():
            def refuse(*_):
                raise AssertionError("the cache was not used")

            monkeypatch.setattr(frame_search, "_embedded", refuse)

        return arm

    def test_an_image_changes(self, world, clip, no_embedding_later):
        images, _ = embedded(world, clip)
        file = world / images[0].camera.filename
        shutil.copy(world / images[1].camera.filename, file)
        os.utime(file, ns=(1, 1))
        _, changed = embedded(world, clip)
        count = len(images[0].windows)
        assert torch.equal(changed[:count], changed[count : 2 * count])
        no_embedding_later()
        embedded(world, clip)

    def test_other_weights(self, world, clip, folder, tmp_path):
        _, first = embedded(world, clip)
        other = load_clip(write_clip(tmp_path / "other", 1), folder / "merges.txt", "cpu")
        assert other.fingerprint != clip.fingerprint
        assert not torch.allclose(embedded(world, other)[1], first, atol=0.01)

    def test_a_damaged_file_is_made_anew(self, world, clip, cache):
        _, first = embedded(world, clip)
        (file,) = cache.glob("*.safetensors")
        file.write_bytes(file.read_bytes()[:-7])
        assert torch.equal(embedded(world, clip)[1], first)


class TestLoadClip:
    def test_bad(self, folder, tmp_path):
        with pytest.raises(DrivetrError, match="does not exist"):
            load_clip(tmp_path / "absent.pth")
        write_clip(tmp_path / "large", vocab_size=517)
        with pytest.raises(DrivetrError, match="knows 517 tokens but the vocabulary has 516"):
            load_clip(tmp_path / "large", folder / "merges.txt")

    def test_fingerprint_is_that_of_the_weights(self, folder, clip, tmp_path):
        again = load_clip(write_clip(tmp_path / "same"), folder / "merges.txt", "cpu")
        assert again.fingerprint == clip.fingerprint
