"""Every way to use cnnx in a C++ project gives the same programs and no other changes."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cnnx
import pytest
from beside import Beside
from cpp_build import (
    ROOT,
    CppBuild,
    cmake,
    configure,
    ctest,
    installed_cmake_folder,
    launcher,
    run,
)

CONSUMER = Path(__file__).parent / "consumer"
TRAIN_XO = ROOT / "examples" / "embed_cpp" / "train_xo.cpp"
CLASSIFY_C = ROOT / "examples" / "embed_c" / "classify.c"
COUNT, SEED = 12, 5


# Settings of a project for its own code; none may affect cnnx's results.
HOSTILE = (
    "-DCMAKE_BUILD_TYPE=",
    "-DCMAKE_CXX_FLAGS=-march=native -Ofast -fassociative-math -ffp-contract=fast -Wconversion",
    "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON",
    "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON",
    "-DCMAKE_UNITY_BUILD=ON",
    "-DCMAKE_CXX_STANDARD=20",
)


@pytest.fixture(scope="module")
def serial_build(tmp_path_factory: pytest.TempPathFactory, object_cache: Path) -> Path:
    """A build folder of the static library without OpenMP."""
    folder = tmp_path_factory.mktemp("serial") / "build"
    static, serial = "-DBUILD_SHARED_LIBS=OFF", "-DCNNX_OPENMP=OFF"
    configure(ROOT, folder, static, serial, "-DCNNX_UNITS=ON", launcher(object_cache))
    run([cmake(), "--build", folder])
    return folder


def install(folder: Path, *builds: Path) -> Path:
    """A prefix that was moved after everything was installed into it."""
    for build in builds:
        run([cmake(), "--install", build, "--prefix", folder / "first"])
    (folder / "first").rename(folder / "moved")
    return folder / "moved"


@pytest.fixture(scope="module")
def static_prefix(cpp_build: CppBuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("static_prefix"), cpp_build.folder)


@pytest.fixture(scope="module")
def both_prefix(
    cpp_build: CppBuild, shared_build: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A prefix that holds a static and a shared cnnx."""
    return install(tmp_path_factory.mktemp("both_prefix"), cpp_build.folder, shared_build)


@dataclass(frozen=True)
class Reference:
    """The output and file of Python, which every program must reproduce."""

    model: Path
    output: str
    trained: bytes


@pytest.fixture(scope="module")
def python(trained_in_python: tuple[Path, cnnx.History]) -> Reference:
    path, _ = trained_in_python
    model = cnnx.load(path)
    images, _ = cnnx.data.xo(COUNT, seed=SEED)
    predictions = zip(model.predict(images), model.predict_proba(images).max(axis=1), strict=True)
    output = "".join(f"{label} {float(probability).hex()}\n" for label, probability in predictions)
    return Reference(path, output, path.read_bytes())


def build(folder: Path, *definitions: str) -> Path:
    """The consumer's project, configured and built."""
    configure(CONSUMER, folder, f"-DTRAIN_XO={TRAIN_XO}", *definitions)
    run([cmake(), "--build", folder])
    return folder


def check(folder: Path, python: Reference, linkage: str) -> None:
    """Check that the programs predict and train as Python does, with the expected linkage."""
    lines = run([folder / "consumer", python.model, str(COUNT), str(SEED)])
    output = [
        f"{label} {float.fromhex(value).hex()}\n"
        for label, value in map(str.split, lines.splitlines())
    ]
    assert "".join(output) == python.output
    run([folder / "train_xo", folder / "trained.cnnx"])
    assert (folder / "trained.cnnx").read_bytes() == python.trained
    assert (b"libcnnx.so" in (folder / "consumer").read_bytes()) == (linkage == "shared")


def test_the_wheel(python: Reference, tmp_path: Path) -> None:
    check(build(tmp_path, f"-Dcnnx_DIR={installed_cmake_folder()}"), python, "shared")


@pytest.mark.usefixtures("cpp_build")
@pytest.mark.parametrize(
    ("prefix", "linkage"),
    [
        ("static_prefix", "static"),
        pytest.param("both_prefix", "static", marks=pytest.mark.slow),
        pytest.param("both_prefix", "shared", marks=pytest.mark.slow),
    ],
)
def test_a_moved_prefix(
    prefix: str, linkage: str, request: pytest.FixtureRequest, python: Reference, tmp_path: Path
) -> None:
    installed: Path = request.getfixturevalue(prefix)
    folder = build(tmp_path, f"-DCMAKE_PREFIX_PATH={installed}", f"-DCNNX_COMPONENTS={linkage}")
    check(folder, python, linkage)


def test_the_static_build_folder(cpp_build: CppBuild, python: Reference, tmp_path: Path) -> None:
    check(build(tmp_path, f"-Dcnnx_DIR={cpp_build.folder}"), python, "static")


@pytest.mark.slow
def test_the_shared_build_folder(shared_build: Path, python: Reference, tmp_path: Path) -> None:
    check(build(tmp_path, f"-Dcnnx_DIR={shared_build}"), python, "shared")


@pytest.mark.slow
@pytest.mark.parametrize("linkage", ["shared", "static"])
def test_fetch_content(linkage: str, python: Reference, object_cache: Path, tmp_path: Path) -> None:
    folder = build(
        tmp_path / "build",
        "-DCNNX_WAY=FetchContent",
        f"-DFETCHCONTENT_SOURCE_DIR_CNNX={ROOT}",
        f"-DBUILD_SHARED_LIBS={'ON' if linkage == 'shared' else 'OFF'}",
        launcher(object_cache),
    )
    check(folder, python, linkage)


@pytest.mark.slow
def test_a_part_of_a_hostile_project(python: Reference, object_cache: Path, tmp_path: Path) -> None:
    """Static, the default of a project. The flags of all sources come from one place, and those of
    all instruction sets, so some units and AVX2 stand for the others.
    """
    on_x86_64 = platform.machine() in ("x86_64", "AMD64")
    folder = build(
        tmp_path / "build",
        "-DCNNX_WAY=add_subdirectory",
        f"-DCNNX_SOURCE={ROOT}",
        *HOSTILE,
        "-DCNNX_UNITS=ON",
        *(["-DCNNX_INSTRUCTION_SETS=avx2"] if on_x86_64 else []),
        launcher(object_cache),
    )
    check(folder, python, "static")
    # The project installs and tests the same as before.
    run([cmake(), "--install", folder, "--prefix", tmp_path / "installed"])
    installed = [path for path in (tmp_path / "installed").rglob("*") if path.is_file()]
    assert [path.name for path in installed] == ["consumer"]
    tests = run([ctest(), "--test-dir", folder, "-N"])
    assert re.findall(r"Test +#\d+: (\S+)", tests) == ["own_test"]


@pytest.mark.slow
def test_a_shared_part_of_a_project(python: Reference, object_cache: Path, tmp_path: Path) -> None:
    """It is installed with the project because that was requested; its tests are not."""
    folder = build(
        tmp_path / "build",
        "-DCNNX_WAY=add_subdirectory",
        f"-DCNNX_SOURCE={ROOT}",
        "-DBUILD_SHARED_LIBS=ON",
        "-DCNNX_INSTALL=ON",
        "-DCMAKE_INSTALL_LIBDIR=lib",
        launcher(object_cache),
    )
    check(folder, python, "shared")
    run([cmake(), "--install", folder, "--prefix", tmp_path / "installed"])
    assert (tmp_path / "installed" / "lib" / "cmake" / "cnnx" / "cnnxConfig.cmake").is_file()
    tests = run([ctest(), "--test-dir", folder, "-N"])
    assert re.findall(r"Test +#\d+: (\S+)", tests) == ["own_test"]


def compile_commands(folder: Path) -> list[str]:
    """The compile commands of a build folder, each of which ends in its source."""
    text = (folder / "compile_commands.json").read_text(encoding="utf-8")
    return [entry["command"] for entry in json.loads(text)]


@pytest.mark.parametrize("build_type", ["", "Debug"])
@pytest.mark.beside
def test_a_debugged_project_gets_fast_kernels(build_type: str, beside: Beside) -> None:
    folder = beside.make_folder("debugged")
    configure(
        CONSUMER,
        folder,
        "-DCNNX_WAY=add_subdirectory",
        f"-DCNNX_SOURCE={ROOT}",
        f"-DCMAKE_BUILD_TYPE={build_type}",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    )
    components = ("kernels", "ops", "data")
    with_every_pass = re.compile("conv2d_winograd(_overlap)?")
    seen = set()
    for command in compile_commands(folder):
        component = re.search(r"/cpp/src/(\w+)/(\w+)\.cpp$", command)
        if component is None or component[1] not in components:
            continue
        if component[1] == "kernels":  # the same in a project with other instruction sets
            isa = re.findall(r"-DCNNX_ISA=(\w+)", command)
            assert re.findall(r"-DCNNX_LEVEL_(\w+)=1", command) == [isa[0].upper()]
        levels = [word for word in command.split() if word.startswith("-O")]
        has_every_pass = with_every_pass.fullmatch(component[2]) and "_BASELINE=1" not in command
        fast = "-O3" if has_every_pass else "-O2"
        assert levels[-1] == fast if component[1] == "kernels" else levels[-1] in ("-O2", "-Os")
        assert ("-g" in command.split()) == (build_type == "Debug")
        seen.add(component[1])
    assert seen == set(components)


def test_consumers_inherit_no_compiler_flags(static_prefix: Path, tmp_path: Path) -> None:
    configure(
        CONSUMER,
        tmp_path,
        f"-DCMAKE_PREFIX_PATH={static_prefix}",
        "-DCMAKE_BUILD_TYPE=",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    )
    (command,) = [each for each in compile_commands(tmp_path) if each.endswith("main.cpp")]
    flags = [word for word in command.split()[1:] if word.startswith("-") and word not in "-o -c"]
    warnings = {"-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wnarrowing"}
    assert set(flags) - warnings - {"-Werror", "-std=c++17"} == {"-DCNNX_STATIC", "-isystem"}, (
        command
    )


@pytest.mark.slow
def test_both_in_one_prefix(both_prefix: Path, static_prefix: Path, tmp_path: Path) -> None:
    """Without a component BUILD_SHARED_LIBS decides; a missing component is reported."""
    found = [f"-DCMAKE_PREFIX_PATH={both_prefix}"]
    for setting, linkage in (([], "shared"), (["-DBUILD_SHARED_LIBS=OFF"], "static")):
        folder = tmp_path / linkage
        configure(CONSUMER, folder, *found, *setting, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        assert ("-DCNNX_STATIC" in compile_commands(folder)[0]) == (linkage == "static")
    for place, components, sentence in (
        (static_prefix, "shared", "there is no shared cnnx in"),
        (both_prefix, "static;shared", 'its COMPONENTS are "static;shared", expected shared or'),
        (both_prefix, "cuda", 'its COMPONENTS are "cuda", expected shared or static'),
    ):
        completed = subprocess.run(
            [
                cmake(),
                "-S",
                CONSUMER,
                "-B",
                tmp_path / "refused",
                "-G",
                "Ninja",
                f"-DCMAKE_PREFIX_PATH={place}",
                f"-DCNNX_COMPONENTS={components}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode != 0
        assert sentence in " ".join(completed.stderr.split()), completed.stderr


def test_a_project_in_c_links_a_static_cnnx(static_prefix: Path, tmp_path: Path) -> None:
    configure(ROOT / "examples" / "embed_c", tmp_path, f"-DCMAKE_PREFIX_PATH={static_prefix}")
    run([cmake(), "--build", tmp_path])
    completed = subprocess.run([tmp_path / "classify"], capture_output=True, check=False)
    assert completed.returncode == 2
    assert b"libcnnx.so" not in (tmp_path / "classify").read_bytes()


@pytest.mark.slow
def test_a_static_program_is_small(object_cache: Path, tmp_path: Path) -> None:
    """classify, stripped, as `benchmarks.embedded_program` measures it; it trains nothing.

    The benchmark's goal is for GCC 12. Newer compilers make a larger program.
    """
    if shutil.which("strip") is None or sys.platform != "linux":
        pytest.skip("needs strip and ELF programs")
    library, folder = tmp_path / "library", tmp_path / "build"
    configure(ROOT, library, "-DBUILD_SHARED_LIBS=OFF", launcher(object_cache))
    run([cmake(), "--build", library])
    configure(ROOT / "benchmarks" / "embedded", folder, f"-Dcnnx_DIR={library}")
    run([cmake(), "--build", folder, "--target", "classify"])
    program = folder / "classify"
    assert b"depthwise_gradient_kernels" not in program.read_bytes()
    run(["strip", program])
    version = run([os.environ.get("CXX", "c++"), "-dumpversion"])
    assert program.stat().st_size <= (3_050_000 if version.startswith("12") else 3_200_000)
    needed = set(re.findall(r"^\s*(lib[\w+]+)\.so", run(["ldd", program]), re.MULTILINE))
    assert needed <= {"libc", "libm", "libstdc++", "libgcc_s", "libgomp", "libpthread"}


@pytest.mark.slow
def test_without_openmp(serial_build: Path, python: Reference, tmp_path: Path) -> None:
    folder = build(tmp_path / "build", f"-Dcnnx_DIR={serial_build}")
    check(folder, python, "static")
    assert b"libgomp" not in (folder / "consumer").read_bytes()
    assert "gomp" not in (serial_build / "cnnx.pc").read_text(encoding="utf-8")


@pytest.mark.usefixtures("cpp_build")
@pytest.mark.parametrize("language", ["C++", "C"])
@pytest.mark.parametrize("linkage", ["static", pytest.param("shared", marks=pytest.mark.slow)])
def test_pkg_config(
    language: str, linkage: str, request: pytest.FixtureRequest, python: Reference, tmp_path: Path
) -> None:
    """Compiled by hand with the flags that pkg-config prints for a moved prefix."""
    if shutil.which("pkg-config") is None:
        pytest.skip("there is no pkg-config on PATH")
    prefix: Path = request.getfixturevalue(f"{'both' if linkage == 'shared' else 'static'}_prefix")
    folder = next(prefix.rglob("cnnx.pc")).parent
    output = subprocess.run(
        [
            "pkg-config",
            "--cflags",
            "--libs",
            *(["--static"] if linkage == "static" else []),
            "cnnx",
        ],
        env={**os.environ, "PKG_CONFIG_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert ("-DCNNX_STATIC" in output) == (linkage == "static")
    sources = {"C++": CONSUMER / "main.cpp", "C": CLASSIFY_C}
    compilers = {"C++": ["c++", "-std=c++17"], "C": ["cc", "-std=c11"]}
    if shutil.which(compilers[language][0]) is None:
        pytest.skip(f"there is no {compilers[language][0]} on PATH")
    run(
        [
            *compilers[language],
            sources[language],
            "-o",
            tmp_path / "program",
            *output,
            f"-Wl,-rpath,{folder.parent}",
        ]
    )
    if language == "C++":
        lines = run([tmp_path / "program", python.model, str(COUNT), str(SEED)]).split()
        assert [float.fromhex(value) for value in lines[1::2]] == [
            float.fromhex(value) for value in python.output.split()[1::2]
        ]
    else:
        completed = subprocess.run([tmp_path / "program"], capture_output=True, check=False)
        assert completed.returncode == 2
