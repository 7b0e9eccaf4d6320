"""Cases that train a drawn network in several set-ups, which must give the same bits."""

from __future__ import annotations

from attack.case import Case, Draw, paste
from attack.trainings import drawn_training

# Instruction sets of fused multiply-adds, whose bits are equal.
FUSED = ("avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx")
DIGEST = '''
def trained(threads):
    """A model after a fit, and a hash of it, the losses and the predictions."""
    cnnx.set_num_threads(threads)
    trainer, found = fitted()
    found.update(trainer.model(x).tobytes())
    return trainer.model, found.hexdigest()
'''
# Of a program that prints the hash for the arguments "digest" and a number of threads.
IN_PROCESS = '''
def in_process(isa, threads):
    """The hash by another instruction set; None if the CPU lacks it."""
    finished = subprocess.run(
        [sys.executable, __file__, "digest", str(threads)],
        env={**os.environ, "CNNX_ISA": isa}, capture_output=True, text=True,
    )
    if "expected one that this CPU runs" in finished.stderr:
        return None
    assert finished.returncode == 0, finished.stderr[-500:]
    return finished.stdout.strip()
'''
CHECK = """
if sys.argv[1:2] == ["digest"]:
    print(trained(int(sys.argv[2]))[1])
    sys.exit()
model, expected = trained({first})
for threads in {others}:
    other, found = trained(threads)
    assert found == expected, f"{{threads}} threads and {first} give other bits"
    whole = model(x)
    for first, last in {parts}:
        assert other(x[first:last]).tobytes() == whole[first:last].tobytes(), (
            f"images {{first}} to {{last}} alone with {{threads}} threads give other bits"
        )
found = [in_process(*each) for each in {processes}]
found = [each for each in found if each]
assert len(set(found)) <= 1, "{processes} give other bits"
if {same} and cnnx.isa() in ("avx2", "avx512", "neon"):
    assert not found or found[0] == expected, "{processes} give other bits than this process"
"""


def bits(draw: Draw) -> Case:
    """Trainings with one to eight threads, of other instruction sets, and parts of a batch."""
    training = drawn_training(draw)
    first, *others = map(int, draw.rng.permutation(8)[:4] + 1)
    parts = [(start, start + draw.integer(1, 4)) for start in (0, draw.integer(1, 8))]
    same = draw.chance(0.6)
    isas = draw.rng.permutation(FUSED)[:2] if same else ("baseline", "baseline")
    processes = [(str(isa), draw.integer(1, 4)) for isa in isas]
    check = CHECK.format(first=first, others=others, parts=parts, processes=processes, same=same)
    title = '"""A training in several set-ups, which must give the same bits."""'
    return Case(paste(title, training.setup, training.fitted, DIGEST, IN_PROCESS), "", check)
