"""How good text search is: precision of the first images against the annotations, beside chance.

    python -m benchmarks.clip_search --clip work_dirs/clip_synth/last.pth \
        --dataroot data/synth_clip --version v1.0-synth --split synth_val

Every sentence that is true of at least K images of the split is a query, by four templates. An
image is relevant when the sentence is true of an annotated object in it. Chance is the share of
relevant images.
"""

import argparse
from collections import defaultdict

import numpy as np

from drivetr.data.captions import caption
from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.objects import SeenObject, seen_objects
from drivetr.data.nuscenes.surroundings import objects_in_front
from drivetr.engine.clip import load_clip
from drivetr.engine.frame_search import embeddings_of, images_of_split, query_vector, search

TEMPLATES = {
    "class": "a {thing}",
    "class and weather": "a {thing} {weather}",
    "class and colour": "a {colour} {thing}",
    "class before class": "a {thing}",
    "class before class, weather": "a {thing} {weather}",
}


def relevant_images(objects: list[SeenObject], template: str) -> dict[str, set[str]]:
    """Sentence -> files of the images of which it is true."""
    found: dict[str, set[str]] = defaultdict(set)
    for seen in objects:
        if "{colour}" not in template or seen.facts.colour is not None:
            found[caption(seen.facts, template)].add(seen.camera.filename)
    return found


def main() -> None:
    """Prints one line a template."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("clip", "dataroot", "version", "split"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--vocab")
    parser.add_argument("--first", type=int, default=5, metavar="K")
    args = parser.parse_args()
    clip = load_clip(args.clip, args.vocab)
    index = open_index(args.dataroot, args.version)
    images = images_of_split(index, args.split)
    windows = embeddings_of(index, args.split, images, clip)
    objects = seen_objects(index, index.samples_of_split(args.split), 16.0, 2)
    pairs = list(objects_in_front(objects))
    print(f"{'query':28} {'queries':>7} {f'P@{args.first}':>6} {'chance':>6}")
    for name, template in TEMPLATES.items():
        truth = relevant_images(pairs if "before" in name else objects, template)
        rows = []
        for query, files in truth.items():
            if len(files) >= args.first:
                hits = search(images, windows, query_vector(clip, query))[: args.first]
                right = [hit.image.camera.filename in files for hit in hits]
                rows.append((np.mean(right), len(files) / len(images)))
        if rows:
            precision, chance = np.mean(rows, axis=0)
            print(f"{name:28} {len(rows):7} {precision:6.1%} {chance:6.1%}")


if __name__ == "__main__":
    main()
