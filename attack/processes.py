"""Cases that train in several processes, which must give the bits of one."""

from __future__ import annotations

from attack.case import Case, Draw, paste
from attack.trainings import drawn_training

# In the processes of mpiexec alone.
COMMUNICATOR = 'cnnx.distributed.world() if sys.argv[1:] == ["trained"] else None'
TRAINED = '''
def trained():
    """The hash of a training, its last gradients included."""
    trainer, found = fitted()
    found.update(trainer.gradients.tobytes())
    return found.hexdigest()


def in_processes(processes, threads):
    """The hash that process 0 prints."""
    finished = subprocess.run(
        ["mpiexec", "-n", str(processes), sys.executable, __file__, "trained"],
        env={**os.environ, "CNNX_NUM_THREADS": str(threads)}, capture_output=True, text=True,
    )
    assert finished.returncode == 0, finished.stderr[-500:]
    return finished.stdout.strip()
'''
CHECK = """
if sys.argv[1:2] == ["trained"]:
    found = trained()
    if cnnx.distributed.world().is_first:
        print(found)
    sys.exit()
expected = trained()
for processes, threads in {set_ups}:
    found = in_processes(processes, threads)
    assert found == expected, f"{{processes}} processes of {{threads}} threads give other bits"
"""


def processes(draw: Draw) -> Case:
    """Trainings in two to six processes, of batches with as many shards as images and fewer."""
    counts = draw.one_of((2,), (3,), (4, 2), (6, 3))
    shards = counts[0] * draw.integer(1, 20 // counts[0])
    training = drawn_training(draw, shards, communicator=COMMUNICATOR)
    set_ups = [(count, draw.integer(1, 2)) for count in counts]
    title = '"""A training in several processes, which must give the bits of one."""'
    return Case(
        paste(title, training.setup, training.fitted, TRAINED), "", CHECK.format(set_ups=set_ups)
    )
