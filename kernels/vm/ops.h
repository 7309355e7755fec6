/* The decoded instructions' kinds, as a list to expand: enum, handler table. */
#pragma once

#define ALU_OPS(X) \
    X(NOP) X(LI) X(AUIPC) X(MV) \
    X(ADDI) X(SLTI) X(SLTIU) X(XORI) X(ORI) X(ANDI) X(SLLI) X(SRLI) X(SRAI) \
    X(ADDIW) X(SLLIW) X(SRLIW) X(SRAIW) \
    X(ADD) X(SUB) X(SLL) X(SLT) X(SLTU) X(XOR) X(SRL) X(SRA) X(OR) X(AND) \
    X(ADDW) X(SUBW) X(SLLW) X(SRLW) X(SRAW) \
    X(MUL) X(MULH) X(MULHSU) X(MULHU) X(DIV) X(DIVU) X(REM) X(REMU) \
    X(MULW) X(DIVW) X(DIVUW) X(REMW) X(REMUW)

#define MEMORY_OPS(X) \
    X(LB) X(LH) X(LW) X(LD) X(LBU) X(LHU) X(LWU) X(SB) X(SH) X(SW) X(SD)

#define BRANCH_OPS(X) X(BEQ) X(BNE) X(BLT) X(BGE) X(BLTU) X(BGEU)

#define OTHER_OPS(X) X(JAL) X(JALR) X(ATOMIC_W) X(ATOMIC_D) X(FENCE_I) X(SYSTEM) X(ILLEGAL) X(END)

#define ALL_OPS(X) ALU_OPS(X) MEMORY_OPS(X) BRANCH_OPS(X) OTHER_OPS(X)

#define AS_ENUM(name) OP_##name,
enum op_kind { ALL_OPS(AS_ENUM) OP_KINDS };
#undef AS_ENUM
