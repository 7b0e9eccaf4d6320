"""The modules and files of cnnx that PyInstaller does not find, as cnnx loads them by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules


def _is_used(module: str) -> bool:
    return not module.startswith("cnnx._pyinstaller")


hiddenimports = collect_submodules("cnnx", filter=_is_used)
# All but the C++ development files.
datas = collect_data_files("cnnx", excludes=["include", "lib/cmake", "lib/pkgconfig"])
# Large, and needed by few programs, which import them by themselves.
excludedimports = ["matplotlib", "pandas", "sklearn"]
