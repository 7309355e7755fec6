/* The 32-bit instructions of RV64IMA, Zicsr and Zifencei. */
#include "vm/decode.h"

static const enum op_kind ILLEGAL = OP_ILLEGAL;

static int32_t imm_i(uint32_t w) { return (int32_t)w >> 20; }

static int32_t imm_s(uint32_t w) { return ((int32_t)w >> 25) * 32 | (int32_t)(w >> 7 & 31); }

static int32_t imm_b(uint32_t w)
{
    return ((int32_t)w >> 31) * 4096 | (int32_t)((w >> 7 & 1) << 11 | (w >> 25 & 63) << 5 | (w >> 8 & 15) << 1);
}

static int32_t imm_j(uint32_t w)
{
    return ((int32_t)w >> 31) * (1 << 20) | (int32_t)((w >> 12 & 255) << 12 | (w >> 20 & 1) << 11 | (w >> 21 & 1023) << 1);
}

static enum op_kind decode_load(uint32_t funct3, uint32_t w, struct op *op)
{
    static const enum op_kind kinds[8] = {OP_LB, OP_LH, OP_LW, OP_LD, OP_LBU, OP_LHU, OP_LWU, OP_ILLEGAL};
    op->imm = imm_i(w);
    return kinds[funct3];
}

static enum op_kind decode_store(uint32_t funct3, uint32_t w, struct op *op)
{
    op->imm = imm_s(w);
    return funct3 < 4 ? (enum op_kind)(OP_SB + funct3) : ILLEGAL;
}

static enum op_kind decode_branch(uint32_t funct3, uint32_t w, struct op *op, uint32_t at)
{
    static const enum op_kind kinds[8] = {OP_BEQ, OP_BNE, OP_ILLEGAL, OP_ILLEGAL, OP_BLT, OP_BGE, OP_BLTU, OP_BGEU};
    op->imm = imm_b(w) + (int32_t)at;
    return kinds[funct3];
}

static enum op_kind decode_shift(uint32_t funct7, uint32_t low_bits, enum op_kind logical, enum op_kind arithmetic)
{
    funct7 &= ~low_bits;
    return funct7 == 0 ? logical : funct7 == 0x20 ? arithmetic : ILLEGAL;
}

static enum op_kind decode_immediate(uint32_t funct3, uint32_t w, struct op *op)
{
    static const enum op_kind kinds[8] = {OP_ADDI, OP_SLLI, OP_SLTI, OP_SLTIU, OP_XORI, OP_SRLI, OP_ORI, OP_ANDI};
    op->imm = imm_i(w);
    if (funct3 != 1 && funct3 != 5)
        return funct3 == 0 && op->imm == 0 ? OP_MV : kinds[funct3];
    op->imm &= 63;
    return funct3 == 1 ? decode_shift(w >> 25, 1, OP_SLLI, ILLEGAL) : decode_shift(w >> 25, 1, OP_SRLI, OP_SRAI);
}

static enum op_kind decode_immediate_word(uint32_t funct3, uint32_t w, struct op *op)
{
    op->imm = imm_i(w);
    if (funct3 == 0)
        return OP_ADDIW;
    op->imm &= 31;
    if (funct3 == 1)
        return decode_shift(w >> 25, 0, OP_SLLIW, ILLEGAL);
    return funct3 == 5 ? decode_shift(w >> 25, 0, OP_SRLIW, OP_SRAIW) : ILLEGAL;
}

static enum op_kind decode_register(uint32_t funct3, uint32_t funct7)
{
    static const enum op_kind plain[8] = {OP_ADD, OP_SLL, OP_SLT, OP_SLTU, OP_XOR, OP_SRL, OP_OR, OP_AND};
    if (funct7 == 0)
        return plain[funct3];
    if (funct7 == 1)
        return (enum op_kind)(OP_MUL + funct3);
    if (funct7 == 0x20)
        return funct3 == 0 ? OP_SUB : funct3 == 5 ? OP_SRA : ILLEGAL;
    return ILLEGAL;
}

static enum op_kind decode_register_word(uint32_t funct3, uint32_t funct7)
{
    static const enum op_kind plain[8] = {OP_ADDW, OP_SLLW, ILLEGAL, ILLEGAL, ILLEGAL, OP_SRLW, ILLEGAL, ILLEGAL};
    static const enum op_kind mul[8] = {OP_MULW, ILLEGAL, ILLEGAL, ILLEGAL, OP_DIVW, OP_DIVUW, OP_REMW, OP_REMUW};
    if (funct7 == 0)
        return plain[funct3];
    if (funct7 == 1)
        return mul[funct3];
    if (funct7 == 0x20)
        return funct3 == 0 ? OP_SUBW : funct3 == 5 ? OP_SRAW : ILLEGAL;
    return ILLEGAL;
}

/* imm keeps funct5: which of the atomic operations it is. */
static enum op_kind decode_atomic(uint32_t funct3, uint32_t w, struct op *op)
{
    static const uint32_t known = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 8 | 1u << 12 | 1u << 16
                                  | 1u << 20 | 1u << 24 | 1u << 28;
    uint32_t funct5 = w >> 27;
    op->imm = (int32_t)funct5;
    if ((funct3 != 2 && funct3 != 3) || !(known >> funct5 & 1) || (funct5 == 2 && op->rs2 != 0))
        return ILLEGAL;
    return funct3 == 2 ? OP_ATOMIC_W : OP_ATOMIC_D;
}

static enum op_kind decode_fence(uint32_t funct3)
{
    return funct3 == 0 ? OP_NOP : funct3 == 1 ? OP_FENCE_I : ILLEGAL;
}

static enum op_kind decode_upper(enum op_kind kind, int32_t imm, struct op *op)
{
    op->imm = imm;
    return kind;
}

static enum op_kind decode_kind(uint32_t w, uint32_t at, struct op *op)
{
    uint32_t funct3 = w >> 12 & 7;
    switch (w & 0x7f) {
    case 0x03: return decode_load(funct3, w, op);
    case 0x0f: return decode_fence(funct3);
    case 0x13: return decode_immediate(funct3, w, op);
    case 0x17: return decode_upper(OP_AUIPC, (int32_t)((w & 0xfffff000) + at), op);
    case 0x1b: return decode_immediate_word(funct3, w, op);
    case 0x23: return decode_store(funct3, w, op);
    case 0x2f: return decode_atomic(funct3, w, op);
    case 0x33: return decode_register(funct3, w >> 25);
    case 0x37: return decode_upper(OP_LI, (int32_t)(w & 0xfffff000), op);
    case 0x3b: return decode_register_word(funct3, w >> 25);
    case 0x63: return decode_branch(funct3, w, op, at);
    case 0x67: return funct3 == 0 ? decode_upper(OP_JALR, imm_i(w), op) : ILLEGAL;
    case 0x6f: return decode_upper(OP_JAL, imm_j(w) + (int32_t)at, op);
    case 0x73: return decode_upper(OP_SYSTEM, (int32_t)w, op);
    default: return ILLEGAL;
    }
}

/* What changes nothing but a register, x0 at that, is a NOP; constants need no addition. */
static enum op_kind simplify(enum op_kind kind, struct op *op)
{
    if (op->rd == SINK && kind >= OP_LI && kind <= OP_REMUW)
        return OP_NOP;
    if ((kind == OP_ADDI || kind == OP_ADDIW) && op->rs1 == 0)
        return OP_LI;
    if (kind == OP_ADD && op->rs1 == 0) {
        op->rs1 = op->rs2;
        kind = OP_MV;
    }
    if (kind == OP_MV && op->rs1 == 0)
        return OP_LI;
    return kind;
}

enum op_kind decode(uint32_t word, uint32_t at, struct op *op)
{
    uint8_t rd = word >> 7 & 31;
    op->imm = 0;
    op->rd = rd == 0 ? SINK : rd;
    op->rs1 = word >> 15 & 31;
    op->rs2 = word >> 20 & 31;
    op->at = (uint8_t)(at / 2);
    return simplify(decode_kind(word, at, op), op);
}

bool ends_block(enum op_kind kind)
{
    return (kind >= OP_BEQ && kind <= OP_JALR) || (kind >= OP_FENCE_I && kind <= OP_END);
}
