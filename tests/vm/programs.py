"""Random programs: every I, M, A and C instruction, loads, stores and forward jumps, in a counted loop."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tests.vm.assembler import addi, atomic, b_type, i_type, jal, load, r_type, s_type

SP, BASE, ATOMIC, FAR, COUNTER = 2, 8, 9, 30, 31
"""x2, x8 and x30 point into the data, x9 to an aligned place there, x31 counts the loop."""
FREE = [r for r in range(32) if r not in (SP, BASE, ATOMIC, FAR, COUNTER)]
FREE_COMPRESSED = [10, 11, 12, 13, 14, 15]
CODE, DATA, DATA_SIZE = 0x8000_0000, 0x8010_0000, 0x2000

Item = bytes | Callable[[int], bytes]
"""An instruction, or what makes one of the distance that it jumps."""


def _word(word: int) -> bytes:
    return struct.pack("<I", word)


def _half(half: int) -> bytes:
    return struct.pack("<H", half)


def _register(rng: random.Random) -> Item:
    funct7 = rng.choice([0, 1, 0x20])
    opcode = rng.choice([0x33, 0x3B])
    kinds = {0x33: {0: range(8), 1: range(8), 0x20: (0, 5)}, 0x3B: {0: (0, 1, 5), 1: (0, 4, 5, 6, 7), 0x20: (0, 5)}}
    funct3 = rng.choice(list(kinds[opcode][funct7]))
    return _word(r_type(opcode, funct3, funct7, rng.choice(FREE), rng.randrange(30), rng.randrange(30)))


def _immediate(rng: random.Random) -> Item:
    rd, rs1, imm = rng.choice(FREE), rng.randrange(32), rng.randrange(-2048, 2048)
    funct3 = rng.randrange(8)
    if rng.random() < 0.3:
        funct3 = rng.choice([0, 1, 5])
        imm = imm if funct3 == 0 else imm & 31 | (0x400 if funct3 == 5 and imm & 1024 else 0)
        return _word(i_type(0x1B, funct3, rd, rs1, imm))
    if funct3 in (1, 5):
        imm = imm & 63 | (0x400 if funct3 == 5 and imm & 1024 else 0)
    return _word(i_type(0x13, funct3, rd, rs1, imm))


def _upper(rng: random.Random) -> Item:
    return _word(rng.choice([0x17, 0x37]) | rng.choice(FREE) << 7 | rng.randrange(1 << 20) << 12)


def _load(rng: random.Random) -> Item:
    return _word(load(rng.randrange(7), rng.choice(FREE), FAR, rng.randrange(-2048, 2040)))


def _store(rng: random.Random) -> Item:
    return _word(s_type(rng.randrange(4), FAR, rng.randrange(32), rng.randrange(-2048, 2040)))


def _atomic(rng: random.Random) -> Item:
    width, rd, rs2 = rng.choice([4, 8]), rng.choice(FREE), rng.randrange(30)
    if rng.random() < 0.2:
        return _word(atomic(2, width, rd, ATOMIC, 0)) + _word(atomic(3, width, rng.choice(FREE), ATOMIC, rs2))
    return _word(atomic(rng.choice([0, 1, 4, 8, 12, 16, 20, 24, 28]), width, rd, ATOMIC, rs2))


def _compressed_memory(rng: random.Random) -> Item:
    reg = rng.choice(FREE_COMPRESSED) - 8
    kind = rng.randrange(8)
    free = rng.choice([r for r in FREE if r])
    scattered = rng.randrange(8) << 10 | rng.randrange(4) << 5
    if kind < 4:
        return _half([0x4000, 0x6000, 0xC000, 0xE000][kind] | scattered | (BASE - 8) << 7 | reg << 2)
    if kind < 6:
        return _half([0x4002, 0x6002][kind - 4] | rng.randrange(2) << 12 | free << 7 | rng.randrange(32) << 2)
    return _half([0xC002, 0xE002][kind - 6] | rng.randrange(64) << 7 | rng.randrange(32) << 2)


def _compressed_arithmetic(rng: random.Random) -> Item:
    rd, small = rng.choice([r for r in FREE if r]), rng.choice(FREE_COMPRESSED) - 8
    imm = rng.randrange(2) << 12 | rng.randrange(1, 32) << 2
    other = rng.choice(FREE_COMPRESSED) - 8
    choices = [
        0x0001 | imm | rd << 7,  # c.addi
        0x2001 | imm | rd << 7,  # c.addiw
        0x4001 | imm | rd << 7,  # c.li
        0x6001 | imm | rd << 7,  # c.lui
        0x0002 | imm | rd << 7,  # c.slli
        0x8001 | imm | rng.randrange(3) << 10 | small << 7,  # c.srli, c.srai, c.andi
        0x8C01 | rng.randrange(4) << 5 | small << 7 | other << 2,  # c.sub, c.xor, c.or, c.and
        0x9C01 | rng.randrange(2) << 5 | small << 7 | other << 2,  # c.subw, c.addw
        0x8002 | rng.randrange(2) << 12 | rd << 7 | rng.choice(FREE[1:]) << 2,  # c.mv, c.add
        0x0000 | rng.randrange(1, 256) << 5 | other << 2,  # c.addi4spn
    ]
    return _half(rng.choice(choices))


def _branch(rng: random.Random) -> Item:
    funct3, rs1, rs2 = rng.choice([0, 1, 4, 5, 6, 7]), rng.randrange(30), rng.randrange(30)
    return lambda distance: _word(b_type(funct3, rs1, rs2, distance))


def _jump(rng: random.Random) -> Item:
    rd = rng.choice(FREE)
    if rng.random() < 0.5:
        return lambda distance: _word(jal(rd, distance))
    return lambda distance: _word(0x17 | 7 << 7) + _word(i_type(0x67, 0, rd, 7, distance))


def _compressed_branch(rng: random.Random) -> Item:
    base = rng.choice([0xC001, 0xE001]) | (rng.choice(FREE_COMPRESSED) - 8) << 7

    def encode(d: int) -> bytes:
        bits = (d >> 8 & 1) << 12 | (d >> 3 & 3) << 10 | (d >> 6 & 3) << 5 | (d >> 1 & 3) << 3 | (d >> 5 & 1) << 2
        return _half(base | bits)

    return encode


MAKERS = [_register, _register, _immediate, _immediate, _upper, _load, _store, _atomic, _compressed_memory]
MAKERS += [_compressed_arithmetic, _compressed_arithmetic, _branch, _jump, _compressed_branch]


def _lay_out(items: list[Item], rng: random.Random) -> bytes:
    """The items' bytes; each jump goes over one to three of its followers."""
    sizes = [len(item) if isinstance(item, bytes) else len(item(2)) for item in items]
    code = b""
    for i, item in enumerate(items):
        if isinstance(item, bytes):
            code += item
        else:
            over = rng.randrange(1, 4)
            code += item(sizes[i] + sum(sizes[i + 1 : i + 1 + over]))
    return code


def random_program(seed: int, instructions: int, rounds: int) -> bytes:
    """A loop of random instructions, then a jump to itself.

    Registers are to be set as this module says before it starts.
    """
    rng = random.Random(seed)
    body = _lay_out([rng.choice(MAKERS)(rng) for _ in range(instructions)] + [_half(1)] * 4, rng)
    start = _word(addi(COUNTER, 0, rounds))
    step = _word(addi(COUNTER, COUNTER, -1))
    leave = _word(b_type(0, COUNTER, 0, 8))
    back = _word(jal(0, -(len(body) + len(step) + len(leave))))
    return start + body + step + leave + back + _word(jal(0, 0))
