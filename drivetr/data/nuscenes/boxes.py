"""From the annotation tables to the index's box columns."""

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.checks import checked_rotations, foreign_rows
from drivetr.data.nuscenes.tables import Columns, decoded, split_texts
from drivetr.data.report import Report


def annotation_columns(
    tables: dict[str, Columns],
    new_sample_row: NDArray[np.int64],
    samples: Columns,
    report: Report,
) -> Columns:
    """Box columns in order of samples, as the table orders them within a sample."""
    table = tables["sample_annotation"]
    sample = new_sample_row[
        foreign_rows(tables, "sample_annotation", "sample_token", "sample", report)
    ]
    instance = foreign_rows(tables, "sample_annotation", "instance_token", "instance", report)
    category = foreign_rows(tables, "instance", "category_token", "category", report)
    for end in ("first_annotation_token", "last_annotation_token"):
        foreign_rows(tables, "instance", end, "sample_annotation", report)
    columns = {
        "token": table["token"],
        "center": table["translation"],
        "size": table["size"],
        "rotation": checked_rotations(table, "sample_annotation", report),
        "velocity": _velocities(tables, sample, samples["sample_timestamp"], report),
        "instance": instance.astype(np.int32),
        "attribute": _attributes(tables, report),
        "visibility": _visibility(tables, report),
        "points": np.stack([table["num_lidar_pts"], table["num_radar_pts"]], axis=1).astype(
            np.int32
        ),
    }
    usable = (sample >= 0) & (instance >= 0) & _plausible(table, report)
    order = np.flatnonzero(usable)
    order = order[np.argsort(sample[order], kind="stable")]
    starts = np.searchsorted(sample[order], np.arange(len(samples["sample_token"]) + 1))
    boxes = {f"box_{key}": values[order] for key, values in columns.items()}
    return boxes | {
        "box_start": starts.astype(np.int64),
        "instance_token": tables["instance"]["token"],
        "instance_category": category.astype(np.int16),
    }


def _velocities(
    tables: dict[str, Columns],
    sample: NDArray[np.int64],
    sample_time_us: NDArray[np.int64],
    report: Report,
) -> NDArray[np.float64]:
    """Velocity in m/s in the global frame, as `NuScenes.box_velocity` of the devkit estimates it.

    Central difference where both neighbours exist, one-sided else; NaN for a single annotation and
    where the time between the two is above 1.5 s (3 s for the central difference). The steps are
    the devkit's in its order, so that the numbers are equal to the last bit.
    """
    center = tables["sample_annotation"]["translation"]
    here = np.arange(len(center))
    ends = {}
    for side in ("prev", "next"):
        rows = foreign_rows(
            tables, "sample_annotation", side, "sample_annotation", report, may_be_empty=True
        )
        ends[side] = rows
    has_prev, has_next = ends["prev"] >= 0, ends["next"] >= 0
    first, last = np.where(has_prev, ends["prev"], here), np.where(has_next, ends["next"], here)
    seconds = 1e-6 * np.append(sample_time_us, 0)
    elapsed = seconds[sample[last]] - seconds[sample[first]]
    limit = np.where(has_prev & has_next, 3.0, 1.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        velocity = (center[last] - center[first]) / elapsed[:, None]
    velocity[~(has_prev | has_next) | (elapsed > limit)] = np.nan
    return velocity


def _plausible(table: Columns, report: Report) -> NDArray[np.bool_]:
    """False for boxes that are dropped: a size that is not above zero, a centre that is NaN."""
    wrong_size = ~(np.isfinite(table["size"]) & (table["size"] > 0)).all(axis=1)
    wrong_center = ~np.isfinite(table["translation"]).all(axis=1)
    for field, wrong in (("size", wrong_size), ("translation", wrong_center)):
        for row in np.flatnonzero(wrong):
            report.warn(
                f"box-{field}",
                f"sample_annotation.json: row {row}, field {field} is"
                f" {table[field][row].tolist()}, expected finite"
                f"{' and above 0' if field == 'size' else ''}; the box is left out",
            )
    return ~(wrong_size | wrong_center)


def _attributes(tables: dict[str, Columns], report: Report) -> NDArray[np.int16]:
    number = {token: i for i, token in enumerate(decoded(tables["attribute"]["token"]))}
    column = tables["sample_annotation"]["attribute_tokens"]
    result = np.full(len(column), -1, np.int16)
    for row, joined in enumerate(column):
        tokens = split_texts(joined)
        if len(tokens) > 1:
            report.warn(
                "two-attributes",
                f"sample_annotation.json: row {row}, field attribute_tokens has {len(tokens)}"
                " entries, expected at most one; the first is used (the devkit's evaluation stops)",
            )
        if tokens:
            result[row] = number.get(tokens[0], -1)
            if tokens[0] not in number:
                report.error(
                    "dangling-key",
                    f"sample_annotation.json: row {row}, field attribute_tokens {tokens[0]!r} names"
                    " no row of attribute.json",
                )
    return result


def _visibility(tables: dict[str, Columns], report: Report) -> NDArray[np.int8]:
    foreign_rows(
        tables, "sample_annotation", "visibility_token", "visibility", report, may_be_empty=True
    )
    tokens = tables["sample_annotation"]["visibility_token"]
    result = np.zeros(len(tokens), np.int8)
    for level in range(1, 5):
        result[tokens == str(level).encode()] = level
    return result
