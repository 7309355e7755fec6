/* The C extension (RVC, 64-bit): each instruction as the 32-bit one it stands for. */
#include "vm/decode.h"

enum opcode { LOAD = 0x03, IMM = 0x13, IMM_W = 0x1b, STORE = 0x23, REG = 0x33, LUI = 0x37, REG_W = 0x3b,
              BRANCH = 0x63, JALR = 0x67, JAL = 0x6f };

#define EBREAK 0x00100073u

static uint32_t bits(uint32_t w, unsigned high, unsigned low) { return w >> low & ((1u << (high - low + 1)) - 1); }

static uint32_t encode_i(enum opcode opcode, uint32_t funct3, uint32_t rd, uint32_t rs1, int32_t imm)
{
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (uint32_t)imm << 20;
}

static uint32_t encode_r(enum opcode opcode, uint32_t funct3, uint32_t funct7, uint32_t rd, uint32_t rs1, uint32_t rs2)
{
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
}

static uint32_t encode_s(uint32_t funct3, uint32_t rs1, uint32_t rs2, uint32_t imm)
{
    return STORE | bits(imm, 4, 0) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | bits(imm, 11, 5) << 25;
}

static uint32_t encode_b(uint32_t funct3, uint32_t rs1, uint32_t imm)
{
    return BRANCH | bits(imm, 11, 11) << 7 | bits(imm, 4, 1) << 8 | funct3 << 12 | rs1 << 15 | bits(imm, 10, 5) << 25
           | bits(imm, 12, 12) << 31;
}

static uint32_t encode_j(uint32_t rd, uint32_t imm)
{
    return JAL | rd << 7 | bits(imm, 19, 12) << 12 | bits(imm, 11, 11) << 20 | bits(imm, 10, 1) << 21
           | bits(imm, 20, 20) << 31;
}

/* The lowest `width` bits of `value` as a signed number. */
static int32_t sign_extend(uint32_t value, unsigned width) { return (int32_t)(value << (32 - width)) >> (32 - width); }

static int32_t imm6(uint32_t w) { return sign_extend(bits(w, 12, 12) << 5 | bits(w, 6, 2), 6); }
static uint32_t offset_w(uint32_t w) { return bits(w, 12, 10) << 3 | bits(w, 6, 6) << 2 | bits(w, 5, 5) << 6; }
static uint32_t offset_d(uint32_t w) { return bits(w, 12, 10) << 3 | bits(w, 6, 5) << 6; }

static uint32_t branch_offset(uint32_t w)
{
    uint32_t imm = bits(w, 12, 12) << 8 | bits(w, 11, 10) << 3 | bits(w, 6, 5) << 6 | bits(w, 4, 3) << 1
                   | bits(w, 2, 2) << 5;
    return (uint32_t)sign_extend(imm, 9);
}

static uint32_t jump_offset(uint32_t w)
{
    uint32_t imm = bits(w, 12, 12) << 11 | bits(w, 11, 11) << 4 | bits(w, 10, 9) << 8 | bits(w, 8, 8) << 10
                   | bits(w, 7, 7) << 6 | bits(w, 6, 6) << 7 | bits(w, 5, 3) << 1 | bits(w, 2, 2) << 5;
    return (uint32_t)sign_extend(imm, 12);
}

static uint32_t quadrant0(uint32_t w)
{
    uint32_t rs1 = 8 + bits(w, 9, 7), reg = 8 + bits(w, 4, 2);
    uint32_t stack = bits(w, 12, 11) << 4 | bits(w, 10, 7) << 6 | bits(w, 6, 6) << 2 | bits(w, 5, 5) << 3;
    switch (w >> 13) {
    case 0: return stack ? encode_i(IMM, 0, reg, 2, (int32_t)stack) : 0;
    case 2: return encode_i(LOAD, 2, reg, rs1, (int32_t)offset_w(w));
    case 3: return encode_i(LOAD, 3, reg, rs1, (int32_t)offset_d(w));
    case 6: return encode_s(2, rs1, reg, offset_w(w));
    case 7: return encode_s(3, rs1, reg, offset_d(w));
    default: return 0;
    }
}

static uint32_t lui_or_stack(uint32_t w, uint32_t rd)
{
    uint32_t stack = bits(w, 12, 12) << 9 | bits(w, 6, 6) << 4 | bits(w, 5, 5) << 6 | bits(w, 4, 3) << 7
                     | bits(w, 2, 2) << 5;
    if (imm6(w) == 0)
        return 0;
    return rd == 2 ? encode_i(IMM, 0, 2, 2, sign_extend(stack, 10)) : (LUI | rd << 7 | (uint32_t)imm6(w) << 12);
}

static uint32_t arithmetic(uint32_t w)
{
    static const uint8_t funct3[4] = {0, 4, 6, 7};  /* sub, xor, or, and */
    uint32_t rd = 8 + bits(w, 9, 7), rs2 = 8 + bits(w, 4, 2), which = bits(w, 6, 5);
    switch (bits(w, 11, 10)) {
    case 0: return encode_i(IMM, 5, rd, rd, imm6(w) & 63);
    case 1: return encode_i(IMM, 5, rd, rd, (imm6(w) & 63) | 0x400);
    case 2: return encode_i(IMM, 7, rd, rd, imm6(w));
    default: break;
    }
    if (bits(w, 12, 12))
        return which == 0 ? encode_r(REG_W, 0, 0x20, rd, rd, rs2) : which == 1 ? encode_r(REG_W, 0, 0, rd, rd, rs2) : 0;
    return encode_r(REG, funct3[which], which == 0 ? 0x20 : 0, rd, rd, rs2);
}

static uint32_t quadrant1(uint32_t w)
{
    uint32_t rd = bits(w, 11, 7), rs1 = 8 + bits(w, 9, 7);
    switch (w >> 13) {
    case 0: return encode_i(IMM, 0, rd, rd, imm6(w));
    case 1: return rd ? encode_i(IMM_W, 0, rd, rd, imm6(w)) : 0;
    case 2: return encode_i(IMM, 0, rd, 0, imm6(w));
    case 3: return lui_or_stack(w, rd);
    case 4: return arithmetic(w);
    case 5: return encode_j(0, jump_offset(w));
    case 6: return encode_b(0, rs1, branch_offset(w));
    default: return encode_b(1, rs1, branch_offset(w));
    }
}

static uint32_t jump_or_add(uint32_t w, uint32_t rd, uint32_t rs2)
{
    bool high = bits(w, 12, 12);
    if (rs2)
        return encode_r(REG, 0, 0, rd, high ? rd : 0, rs2);
    if (rd == 0)
        return high ? EBREAK : 0;
    return encode_i(JALR, 0, high ? 1 : 0, rd, 0);
}

static uint32_t quadrant2(uint32_t w)
{
    uint32_t rd = bits(w, 11, 7), rs2 = bits(w, 6, 2);
    uint32_t load_w = bits(w, 12, 12) << 5 | bits(w, 6, 4) << 2 | bits(w, 3, 2) << 6;
    uint32_t load_d = bits(w, 12, 12) << 5 | bits(w, 6, 5) << 3 | bits(w, 4, 2) << 6;
    switch (w >> 13) {
    case 0: return encode_i(IMM, 1, rd, rd, imm6(w) & 63);
    case 2: return rd ? encode_i(LOAD, 2, rd, 2, (int32_t)load_w) : 0;
    case 3: return rd ? encode_i(LOAD, 3, rd, 2, (int32_t)load_d) : 0;
    case 4: return jump_or_add(w, rd, rs2);
    case 6: return encode_s(2, 2, rs2, bits(w, 12, 9) << 2 | bits(w, 8, 7) << 6);
    case 7: return encode_s(3, 2, rs2, bits(w, 12, 10) << 3 | bits(w, 9, 7) << 6);
    default: return 0;
    }
}

uint32_t expand_compressed(uint16_t word)
{
    switch (word & 3) {
    case 0: return quadrant0(word);
    case 1: return quadrant1(word);
    default: return quadrant2(word);
    }
}
