"""`drivetr replay --serve`: a recording as page and in Rerun's viewer, in a browser on this machine."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from drivetr.cli.replay_server import INDEX, open_server, serve
from drivetr.visual.recording import Recording
from drivetr.visual.replay_page import write_html

_RRD = "recording.rrd"


def serve_recording(
    recording: Recording, port: int, tell: Callable[[str], None] = print, range_m: float = 50.0
) -> None:
    """Serves a recording until Ctrl-C, from a folder that goes away then.

    Args:
        recording: what is shown.
        port: 0 takes any that is free.
        tell: is given lines about where to look.
        range_m: how far the view from above reaches in Rerun, in metres.

    Raises:
        DrivetrError: the port cannot be had, or the recording has no frames.
    """
    open_server(Path.cwd(), port).server_close()  # a port in use shows before the work, not after
    with TemporaryDirectory(prefix="drivetr-replay-") as name:
        folder = Path(name)
        write_html(recording, folder / INDEX)
        viewer = _write_rerun(recording, folder, range_m)
        serve(folder, port, lambda address: tell(_where(address, viewer)))


def _write_rerun(recording: Recording, folder: Path, range_m: float) -> str | None:
    """Writes what Rerun needs; gives the name of its page, None where Rerun is not installed."""
    if find_spec("rerun") is None:
        return None
    from drivetr.visual.rerun_file import write_rrd
    from drivetr.visual.rerun_web_viewer import VIEWER_PAGE, write_web_viewer

    write_rrd(recording, folder / _RRD, range_m)
    write_web_viewer(folder, _RRD, recording.title, len(recording.frames))
    return VIEWER_PAGE


def _where(address: str, viewer: str | None) -> str:
    if viewer is None:
        rerun = "Rerun's viewer needs pip install 'drivetr[viz]'"
    else:
        rerun = f"in Rerun's viewer: {address}{viewer}"
    return f"replay: {address}\n{rerun}\nCtrl-C ends it"
