"""Instruction words for tests: the formats of RV64, and a few instructions by name."""

from __future__ import annotations

import struct


def r_type(opcode: int, funct3: int, funct7: int, rd: int, rs1: int, rs2: int) -> int:
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25


def i_type(opcode: int, funct3: int, rd: int, rs1: int, imm: int) -> int:
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (imm & 0xFFF) << 20


def s_type(funct3: int, rs1: int, rs2: int, imm: int) -> int:
    return 0x23 | (imm & 31) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5 & 0x7F) << 25


def b_type(funct3: int, rs1: int, rs2: int, imm: int) -> int:
    low = (imm >> 11 & 1) << 7 | (imm >> 1 & 15) << 8
    return 0x63 | low | funct3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5 & 63) << 25 | (imm >> 12 & 1) << 31


def jal(rd: int, imm: int) -> int:
    fields = (imm >> 12 & 255) << 12 | (imm >> 11 & 1) << 20 | (imm >> 1 & 1023) << 21 | (imm >> 20 & 1) << 31
    return 0x6F | rd << 7 | fields


def addi(rd: int, rs1: int, imm: int) -> int:
    return i_type(0x13, 0, rd, rs1, imm)


def lui(rd: int, imm: int) -> int:
    return 0x37 | rd << 7 | (imm & 0xFFFFF) << 12


def load(funct3: int, rd: int, rs1: int, imm: int = 0) -> int:
    return i_type(0x03, funct3, rd, rs1, imm)


def jalr(rd: int, rs1: int, imm: int = 0) -> int:
    return i_type(0x67, 0, rd, rs1, imm)


def csrrw(rd: int, csr: int, rs1: int) -> int:
    return i_type(0x73, 1, rd, rs1, csr)


def csrrs(rd: int, csr: int, rs1: int) -> int:
    return i_type(0x73, 2, rd, rs1, csr)


def atomic(funct5: int, width: int, rd: int, rs1: int, rs2: int) -> int:
    return r_type(0x2F, {4: 2, 8: 3}[width], funct5 << 2, rd, rs1, rs2)


ECALL, EBREAK, MRET, SRET, WFI, FENCE_I = 0x73, 0x00100073, 0x30200073, 0x10200073, 0x10500073, 0x100F
SFENCE_VMA = 0x12000073
LB, LH, LW, LD, LBU, LHU, LWU = range(7)
SB, SH, SW, SD = range(4)


def assemble(*words: int) -> bytes:
    """32-bit instructions, one after the other."""
    return struct.pack(f"<{len(words)}I", *words)
