"""Distributions as pip leaves them, made of their metadata alone, and modules that are broken."""

from pathlib import Path


def add_distribution(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> None:
    """Writes what `importlib.metadata` finds of an installed package."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


def add_module(folder: Path, name: str, code: str) -> None:
    """Writes a package that runs `code` when it is imported."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)
