/* The interpreter: decoded blocks run by threaded dispatch.

   Each decoded instruction holds the address of the code that executes it, and that code ends with the jump to the
   next one's. pc is not kept while a block runs: it is the block's address plus the instruction's `at`. Instructions
   are counted by the block, on entry; whoever leaves a block early gives the rest back. */
#include "vm/decode.h"
#include "vm/muldiv.h"

#ifdef __clang__
#else
#pragma GCC optimize("no-gcse", "no-crossjumping", "no-tree-tail-merge")
#endif

#define S(value) ((int64_t)(value))
#define W(value) ((uint64_t)(int64_t)(int32_t)(value))
#define RS1 x[op->rs1]
#define RS2 x[op->rs2]
#define IMM ((uint64_t)(int64_t)op->imm)

/* What each register-only instruction leaves in rd. */
#define ALU_RESULTS(X) \
    X(LI, IMM) X(AUIPC, block->pc + IMM) X(MV, RS1) \
    X(ADDI, RS1 + IMM) X(SLTI, S(RS1) < S(IMM)) X(SLTIU, RS1 < IMM) \
    X(XORI, RS1 ^ IMM) X(ORI, RS1 | IMM) X(ANDI, RS1 & IMM) \
    X(SLLI, RS1 << op->imm) X(SRLI, RS1 >> op->imm) X(SRAI, (uint64_t)(S(RS1) >> op->imm)) \
    X(ADDIW, W(RS1 + IMM)) X(SLLIW, W(RS1 << op->imm)) X(SRLIW, W((uint32_t)RS1 >> op->imm)) \
    X(SRAIW, W((int32_t)RS1 >> op->imm)) \
    X(ADD, RS1 + RS2) X(SUB, RS1 - RS2) X(SLL, RS1 << (RS2 & 63)) X(SLT, S(RS1) < S(RS2)) X(SLTU, RS1 < RS2) \
    X(XOR, RS1 ^ RS2) X(SRL, RS1 >> (RS2 & 63)) X(SRA, (uint64_t)(S(RS1) >> (RS2 & 63))) \
    X(OR, RS1 | RS2) X(AND, RS1 & RS2) \
    X(ADDW, W(RS1 + RS2)) X(SUBW, W(RS1 - RS2)) X(SLLW, W((uint32_t)RS1 << (RS2 & 31))) \
    X(SRLW, W((uint32_t)RS1 >> (RS2 & 31))) X(SRAW, W((int32_t)RS1 >> (RS2 & 31))) \
    X(MUL, RS1 * RS2) X(MULH, mulh(RS1, RS2)) X(MULHSU, mulhsu(RS1, RS2)) X(MULHU, mulhu(RS1, RS2)) \
    X(DIV, div64(RS1, RS2)) X(DIVU, divu64(RS1, RS2)) X(REM, rem64(RS1, RS2)) X(REMU, remu64(RS1, RS2)) \
    X(MULW, W(RS1 * RS2)) X(DIVW, div32(RS1, RS2)) X(DIVUW, divu32(RS1, RS2)) X(REMW, rem32(RS1, RS2)) \
    X(REMUW, remu32(RS1, RS2))

#define LOADS(X) \
    X(LB, int8_t) X(LH, int16_t) X(LW, int32_t) X(LD, int64_t) X(LBU, uint8_t) X(LHU, uint16_t) X(LWU, uint32_t)
#define STORES(X) X(SB, uint8_t) X(SH, uint16_t) X(SW, uint32_t) X(SD, uint64_t)
#define BRANCHES(X) \
    X(BEQ, RS1 == RS2) X(BNE, RS1 != RS2) X(BLT, S(RS1) < S(RS2)) X(BGE, S(RS1) >= S(RS2)) X(BLTU, RS1 < RS2) \
    X(BGEU, RS1 >= RS2)

#define DISPATCH goto *op->handler
#define NEXT do { op++; DISPATCH; } while (0)

/* Makes pc and the count what they are just before the current instruction, for C code that looks at them. */
#define SYNC() \
    do { \
        h->pc = block->pc + 2u * op->at; \
        h->left = left + (block->count - (uint64_t)(op - block->ops)); \
    } while (0)

#define TLB(entries) ((const struct tlb_entry *)((const char *)(entries) + (address >> (PAGE_SHIFT - 4) & tlb_mask)))
#define HIT(entry, type) likely(((address + sizeof(type) - 1) & ~(PAGE_SIZE - 1)) == (entry)->tag)

static const void *const *handlers;

const void *const *interpreter_handlers(void)
{
    if (!handlers)
        interpret(NULL, 0);
    return handlers;
}

uint64_t interpret(struct hart *h, uint64_t budget)
{
#define LABEL(name) &&L_##name,
    static const void *const labels[] = {ALL_OPS(LABEL)};
    if (!h) {
        handlers = labels;
        return 0;
    }
    uint64_t *const x = h->x;
    const uint32_t tlb_mask = h->tlb_mask;
    const struct tlb_entry *loads, *stores;
    const struct jump_entry *jumps;
    struct block *block;
    struct op *op;
    uint64_t left = budget, pc;
    const uint32_t jump_mask = h->cache.jump_mask;
    h->budget = h->left = budget;
    x[0] = 0;

resume:  /* h->pc is right; anything about the hart may have changed */
    h->left = left;
    if (unlikely(h->stop)) {
        h->stop = false;
        if (h->leave)
            return budget - left;
    }
    if (unlikely(hart_mip(h) & h->mie) && left)
        take_interrupt(h);
    loads = h->data_bank->entries[ACCESS_READ];
    stores = h->data_bank->entries[ACCESS_WRITE];
    jumps = h->cache.jumps[h->privilege];
    pc = h->pc;

jump: {
    const struct jump_entry *entry = &jumps[(pc >> 1) & jump_mask];
    if (likely(entry->pc == pc)) {
        block = entry->block;
        goto enter;
    }
}
find:
    h->pc = pc;
    h->left = left;
    if (unlikely(left == 0))
        return budget;
    block = block_at_pc(h, left);
    if (unlikely(!block)) {
        enter_trap(h);
        goto resume;
    }
enter:
    if (unlikely(left < block->count)) {
        pc = block->pc;
        goto find;
    }
    left -= block->count;
    op = block->ops;
    DISPATCH;

trap:  /* the current instruction does not retire */
    SYNC();
    left = h->left;
    enter_trap(h);
    goto resume;

stopped:  /* the current instruction did, and something about the hart changed */
    left += block->count - (uint64_t)(op - block->ops) - 1;
    h->pc = block->pc + 2u * op[1].at;
    goto resume;

link: {  /* find the block at pc and remember it as this one's successor */
    struct block *from = block;
    uint32_t flushes = h->cache.flushes;
    bool taken = pc != block->pc + block->length;
    h->pc = pc;
    h->left = left;
    if (unlikely(left == 0))
        return budget;
    block = block_at_pc(h, left);
    if (unlikely(!block)) {
        enter_trap(h);
        goto resume;
    }
    bool lasting = from != &h->cache.scratch && block != &h->cache.scratch && flushes == h->cache.flushes;
    if (lasting && (from->pc ^ pc) >> PAGE_SHIFT == 0)
        *(taken ? &from->taken : &from->fallthrough) = block;
    goto enter;
}

#define ALU(name, result) L_##name: x[op->rd] = (uint64_t)(result); NEXT;
    ALU_RESULTS(ALU)
L_NOP:
    NEXT;

#define LOAD(name, type) \
    L_##name: { \
        uint64_t address = RS1 + IMM; \
        const struct tlb_entry *entry = TLB(loads); \
        type value; \
        if (HIT(entry, type)) { \
            memcpy(&value, (const void *)((uintptr_t)address + entry->addend), sizeof value); \
            x[op->rd] = (uint64_t)value; \
            NEXT; \
        } \
        SYNC(); \
        if (!slow_load(h, address, sizeof value)) \
            goto trap; \
        x[op->rd] = (uint64_t)(type)h->value; \
        if (unlikely(h->stop)) \
            goto stopped; \
        NEXT; \
    }
    LOADS(LOAD)

#define STORE(name, type) \
    L_##name: { \
        uint64_t address = RS1 + IMM; \
        const struct tlb_entry *entry = TLB(stores); \
        type value = (type)RS2; \
        if (HIT(entry, type)) { \
            memcpy((void *)((uintptr_t)address + entry->addend), &value, sizeof value); \
            NEXT; \
        } \
        SYNC(); \
        if (!slow_store(h, address, RS2, sizeof value)) \
            goto trap; \
        if (unlikely(h->stop)) \
            goto stopped; \
        NEXT; \
    }
    STORES(STORE)

/* Ends of blocks follow their link; left < count is looked at by `enter`. */
#define FOLLOW(successor, target) \
    do { \
        struct block *to = (successor); \
        if (likely(to != NULL) && likely(left >= to->count)) { \
            left -= to->count; \
            block = to; \
            op = to->ops; \
            DISPATCH; \
        } \
        pc = (target); \
        goto link; \
    } while (0)

#define BRANCH(name, condition) \
    L_##name: \
        if (condition) \
            FOLLOW(block->taken, block->pc + IMM); \
        FOLLOW(block->fallthrough, block->pc + block->length);
    BRANCHES(BRANCH)

L_JAL:
    x[op->rd] = block->pc + block->length;
    FOLLOW(block->taken, block->pc + IMM);
L_JALR:
    pc = (RS1 + IMM) & ~(uint64_t)1;
    x[op->rd] = block->pc + block->length;
    goto jump;
L_END:
    FOLLOW(block->fallthrough, block->pc + block->length);

L_ATOMIC_W:
    SYNC();
    if (!atomic_execute(h, op, 4))
        goto trap;
    if (unlikely(h->stop))
        goto stopped;
    NEXT;
L_ATOMIC_D:
    SYNC();
    if (!atomic_execute(h, op, 8))
        goto trap;
    if (unlikely(h->stop))
        goto stopped;
    NEXT;

L_FENCE_I:
    pc = block->pc + block->length;
    fence_instructions(h->vm);
    goto jump;
L_SYSTEM:
    SYNC();
    pc = h->pc + 4;
    switch (system_execute(h, (uint32_t)op->imm)) {
    case SYSTEM_TRAP: goto trap;
    case SYSTEM_NEXT: h->pc = pc; goto resume;
    case SYSTEM_JUMP: goto resume;
    }
L_ILLEGAL:
    set_trap(h, CAUSE_ILLEGAL, (uint32_t)op->imm);
    goto trap;
}
