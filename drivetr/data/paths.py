"""File names from tables, kept inside the dataroot."""

from pathlib import Path, PurePosixPath

from drivetr.errors import DrivetrError


def fault_of_filename(filename: str) -> str | None:
    """What is wrong with a table's file name by its text alone, None where nothing is."""
    if not filename:
        return "is empty"
    if "\0" in filename:
        return "contains a NUL character"
    path = PurePosixPath(filename)
    if path.is_absolute():
        return "is absolute"
    if ".." in path.parts:
        return "climbs with '..'"
    return None


def resolve_inside(dataroot: Path, filename: str, table: str = "sample_data.json") -> Path:
    """The real path of a table's file name, with every symbolic link resolved.

    Args:
        dataroot: folder of the dataset; it may itself be a symbolic link.
        filename: relative path as the table gives it.
        table: that names the file, for messages.

    Raises:
        DrivetrError: the name is absolute, climbs out, or a link leads out of the dataroot.
    """
    fault = fault_of_filename(filename)
    if fault is not None:
        raise DrivetrError(
            f"{table}: filename {filename!r} {fault}; it has to be a path relative to the"
            f" dataroot {dataroot}"
        )
    root = dataroot.resolve()
    try:
        path = (root / filename).resolve()
    except (OSError, RuntimeError) as error:
        raise DrivetrError(
            f"{table}: filename {filename!r} cannot be resolved below {root} ({error})"
        ) from error
    if not path.is_relative_to(root):
        raise DrivetrError(
            f"{table}: filename {filename!r} is a symbolic link that leaves the dataroot"
            f" {root} and is not opened; copy the files into it or name the folder they are in"
        )
    return path
