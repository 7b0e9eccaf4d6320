"""Training by several processes over MPI, with the same bits for any number of them.

A trainer with ``shards=8`` gives the same weights in 1, 2, 4 or 8 processes, on one machine or on
several. MPI is loaded by `world` only: ``pip install 'cnnx[mpi]'``, and run the program by
``mpiexec -n 4 python program.py``.
"""

from __future__ import annotations

from cnnx.distributed.communicator import Communicator
from cnnx.distributed.transport import CommunicationTimes
from cnnx.distributed.world import world

__all__ = ["CommunicationTimes", "Communicator", "world"]
