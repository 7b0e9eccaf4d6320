"""The folder of the hook by which PyInstaller freezes programs that use cnnx (an entry point)."""

from pathlib import Path


def hook_folders() -> list[str]:
    """The folders in which PyInstaller looks for hooks."""
    return [str(Path(__file__).parent)]
