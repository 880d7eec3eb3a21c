"""The door to Rerun: the files named `rerun_*` take it from here, nobody else needs it."""

from drivetr.errors import DrivetrError

try:
    import rerun as rr
    import rerun.blueprint as rrb
except ImportError as error:
    raise DrivetrError(
        f"a Rerun recording needs what this Python lacks ({error}); pip install -e '.[viz]'"
    ) from error

__all__ = ["rr", "rrb"]
