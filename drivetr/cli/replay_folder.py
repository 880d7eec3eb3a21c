"""The folder that `drivetr replay --serve` shows: the page, and Rerun's viewer where it is."""

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from drivetr.cli.replay_server import INDEX, open_server, serve
from drivetr.visual.recording import Recording
from drivetr.visual.replay_page import write_html

_RRD = "recording.rrd"


def serve_recording(recording: Recording, port: int, range_m: float) -> None:
    """Writes a recording into a folder of its own and serves that until Ctrl-C.

    Args:
        recording: what is shown.
        port: on 127.0.0.1; 0 takes any that is free.
        range_m: how far Rerun's view from above reaches, in metres.

    Raises:
        DrivetrError: the port cannot be had.
    """
    with TemporaryDirectory(prefix="drivetr-") as name:
        folder = Path(name)
        with open_server(folder, port):
            pass  # a port that is taken is told before the work
        for line in fill_folder(recording, folder, range_m):
            print(line, flush=True)
        serve(folder, port, tell=lambda line: print(line, flush=True))


def fill_folder(recording: Recording, folder: Path, range_m: float) -> list[str]:
    """Writes what is served, and tells what is there."""
    write_html(recording, folder / INDEX)
    if find_spec("rerun") is None:
        return ["the page alone, for Rerun is not installed: pip install -e '.[viz]'"]
    from drivetr.visual.rerun_file import write_rrd
    from drivetr.visual.rerun_web_viewer import VIEWER_PAGE, write_web_viewer

    write_rrd(recording, folder / _RRD, range_m)
    write_web_viewer(folder, _RRD, recording.title, len(recording.frames))
    return [f"the page, and Rerun's viewer under {VIEWER_PAGE}:"]
