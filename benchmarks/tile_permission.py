"""Refuses the registers of AMX tiles to this process, as if the CPU had no AMX (Linux, x86-64).

Linux gives them to a process on request. Some libraries have no setting against AMX, but all of
them use other instructions where the request fails.
"""

from __future__ import annotations

import ctypes

# The environment variable that makes a worker call `forbid_tiles`.
FORBID_TILES = "BENCHMARK_FORBIDS_TILES"
# From <linux/seccomp.h>, <linux/filter.h>, <sys/prctl.h> and <asm/prctl.h>.
SET_NO_NEW_PRIVILEGES, SET_FILTER, FILTER_MODE = 38, 22, 2
ARCH_PRCTL, REQUEST_PERMISSION = 158, 0x1023
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050001


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("skip_if_true", ctypes.c_uint8),
        ("skip_if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def forbid_tiles() -> None:
    """Let every later request of this process and its threads fail."""
    instructions = (
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, ARCH_PRCTL),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_IF_EQUAL, 0, 1, REQUEST_PERMISSION),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    )
    array = (_Instruction * len(instructions))(*(_Instruction(*each) for each in instructions))
    program = _Program(len(array), array)
    system = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (SET_FILTER, FILTER_MODE, ctypes.byref(program), 0, 0),
    ):
        if system.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl refuses the filter of system calls")
