/* One hart: its registers, its software TLB and its decoded blocks. */
#pragma once
#include "vm/internal.h"

enum privilege { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* Register 0 reads as zero; writes to it are decoded as writes to this one. */
#define SINK 32
#define REGISTERS 33

enum cause {
    CAUSE_FETCH_MISALIGNED = 0, CAUSE_FETCH_ACCESS = 1, CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4, CAUSE_LOAD_ACCESS = 5, CAUSE_STORE_MISALIGNED = 6, CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8, CAUSE_ECALL_S = 9, CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15
};
#define CAUSE_INTERRUPT ((uint64_t)1 << 63)

#define MSTATUS_SIE ((uint64_t)1 << 1)
#define MSTATUS_MIE ((uint64_t)1 << 3)
#define MSTATUS_SPIE ((uint64_t)1 << 5)
#define MSTATUS_MPIE ((uint64_t)1 << 7)
#define MSTATUS_SPP ((uint64_t)1 << 8)
#define MSTATUS_MPP ((uint64_t)3 << 11)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPRV ((uint64_t)1 << 17)
#define MSTATUS_SUM ((uint64_t)1 << 18)
#define MSTATUS_MXR ((uint64_t)1 << 19)
#define MSTATUS_TVM ((uint64_t)1 << 20)
#define MSTATUS_TW ((uint64_t)1 << 21)
#define MSTATUS_TSR ((uint64_t)1 << 22)
#define MSTATUS_UXL ((uint64_t)2 << 32)
#define MSTATUS_SXL ((uint64_t)2 << 34)

#define PMP_ENTRIES 16

/* A page's host address, as the number to add to a guest address. `tag` is the page's guest address; the tag of
   an empty entry has low bits, which no page's address has. */
struct tlb_entry {
    uint64_t tag;
    uintptr_t addend;
};
#define TLB_EMPTY 1

/* Translations under one privilege; harts keep one bank for each, so that traps need no flush. */
struct tlb_bank {
    struct tlb_entry *entries[ACCESS_KINDS];
};

/* A decoded instruction: where the interpreter goes for it, and its operands. */
struct op {
    const void *handler;
    int32_t imm;
    uint8_t rd, rs1, rs2;
    uint8_t at;  /* halfwords from the block's start */
};

#define BLOCK_MAX_OPS 64

struct block {
    uint64_t pc;            /* guest virtual address */
    uint64_t physical;      /* its page, shifted; with pc the block's key */
    struct block *next;     /* in the hash bucket */
    struct block *taken, *fallthrough;  /* successors in the same page, once known */
    uint32_t count;         /* instructions */
    uint32_t length;        /* bytes */
    struct op *ops;         /* count of them, then the end marker */
};

struct jump_entry {
    uint64_t pc;
    struct block *block;
};

struct block_cache {
    struct block *blocks;    /* a pool, filled from its start */
    struct op *ops;          /* likewise */
    struct block **buckets;
    uint32_t capacity, used, bucket_mask;
    uint32_t op_capacity, ops_used;
    uint32_t flushes;        /* how often all was forgotten: links to blocks from before are void */
    struct block scratch;    /* for what is not kept: ends of budgets, code across pages */
    struct op scratch_ops[BLOCK_MAX_OPS + 1];
    struct jump_entry *jumps[4];  /* by privilege: guest address to block */
    uint32_t jump_mask;
};

/* minstret or mcycle: retired instructions plus a bias, or a fixed value while inhibited. */
struct counter {
    uint64_t bias, frozen;
    bool inhibited;
};

#define RESERVATION_NONE UINT64_MAX

enum hsm_state { HSM_STARTED, HSM_STOPPED };

struct hart {
    uint64_t x[REGISTERS];
    uint64_t pc;
    uint32_t id;
    enum privilege privilege;
    struct vm *vm;

    struct tlb_bank banks[4];    /* by effective privilege of data accesses */
    struct tlb_bank *data_bank;  /* the one in force (MPRV may move it) */
    uint32_t tlb_mask;           /* entries - 1, times the entry's size */
    struct block_cache cache;

    uint64_t budget, left;       /* of the current slice; left is up to date whenever C code is called */
    uint64_t retired_before;     /* at the start of the slice */
    struct counter instret, cycle;
    bool stop;                   /* look for interrupts, and at the flags below, after the current instruction */
    bool leave;                  /* end the slice: a timer moved, the guest ended, another hart has work */
    bool stuck;                  /* it traps for ever */
    bool waiting;                /* in WFI */
    enum hsm_state hsm;

    uint64_t value;              /* what a slow load read */
    uint64_t reservation;        /* physical address of the last LR; RESERVATION_NONE */
    uint64_t trap_cause, trap_value;
    uint64_t last_trap_at;       /* retired count at the last trap, and how many came there */
    uint32_t traps_there;

    uint64_t mstatus, mtvec, mepc, mcause, mtval, mscratch, medeleg, mideleg, mie;
    uint64_t mip;                /* pending bits; SEIP here is the one that software sets */
    uint64_t stvec, sepc, scause, stval, sscratch, satp;
    uint32_t mcounteren, scounteren;
    uint64_t menvcfg, senvcfg;
    uint64_t pmpaddr[PMP_ENTRIES];
    uint8_t pmpcfg[PMP_ENTRIES];
    uint32_t pmp_active;         /* entries in use, as a mask */
    bool external_seip;          /* the interrupt controller's part of SEIP */
};


/* --- hart.c --- */
struct hart *hart_create(struct vm *vm, uint32_t id);
void hart_destroy(struct hart *h);
void hart_reset(struct hart *h, uint64_t entry, enum vm_mode mode);
uint64_t hart_retired(const struct hart *h);

/* --- interpreter.c --- */
/* Runs until `budget` instructions are retired or h->stop; returns how many were. */
uint64_t interpret(struct hart *h, uint64_t budget);
/* The interpreter's entry points, indexed by enum op_kind. */
const void *const *interpreter_handlers(void);

/* --- mmu.c --- */
/* Guest virtual to physical; false: trap_cause and trap_value say why. */
bool mmu_translate(struct hart *h, uint64_t address, enum access access, enum privilege as, uint64_t *physical);
bool slow_load(struct hart *h, uint64_t address, unsigned width);
bool slow_store(struct hart *h, uint64_t address, uint64_t value, unsigned width);
/* The host address for an atomic access, or NULL with the trap set. */
void *atomic_pointer(struct hart *h, uint64_t address, unsigned width, enum access access, uint64_t *physical);
/* The host address of the instruction halfword at `address`, or NULL with the trap set. */
const uint8_t *fetch_pointer(struct hart *h, uint64_t address, uint64_t *physical);
void tlb_flush(struct hart *h);
/* Only the addresses that stores go to, or loads, or fetches. */
void tlb_flush_kind(struct hart *h, enum access kind);
void select_data_bank(struct hart *h);

/* --- pmp.c --- */
bool pmp_allows(const struct hart *h, uint64_t address, uint64_t length, enum access access, enum privilege as);
/* One rule covers the whole page, so that its answer may be cached. */
bool pmp_uniform(const struct hart *h, uint64_t page_address);
uint64_t pmp_read(const struct hart *h, uint32_t number);
void pmp_write(struct hart *h, uint32_t number, uint64_t value);

/* --- trap.c --- */
void set_trap(struct hart *h, enum cause cause, uint64_t value);
/* Takes the trap in trap_cause and trap_value with pc at the instruction; pc becomes the handler's. */
void enter_trap(struct hart *h);
/* Takes a pending interrupt that is enabled, if there is one. */
bool take_interrupt(struct hart *h);
bool interrupt_deliverable(const struct hart *h);
bool return_from_trap(struct hart *h, enum privilege from);
void set_privilege(struct hart *h, enum privilege privilege);

/* --- system.c --- */
enum system_result { SYSTEM_NEXT, SYSTEM_JUMP, SYSTEM_TRAP };
/* Executes the instruction at h->pc; SYSTEM_JUMP: it has set h->pc itself. */
enum system_result system_execute(struct hart *h, uint32_t word);
/* Decoded code that was overwritten is forgotten, in all harts. */
void fence_instructions(struct vm *vm);

/* --- atomic.c --- */
/* The operation op->imm names; false: trap set. */
bool atomic_execute(struct hart *h, const struct op *op, unsigned width);

/* --- csr.c --- */
/* The CSR instruction `word` (funct3, rs1, csr); false: illegal, trap set. */
bool csr_execute(struct hart *h, uint32_t word);
bool csr_read(struct hart *h, uint32_t number, uint64_t *value);
bool csr_write(struct hart *h, uint32_t number, uint64_t value);
uint64_t hart_mip(const struct hart *h);

/* --- block.c --- */
bool cache_create(struct hart *h, uint32_t blocks);
void cache_destroy(struct hart *h);
void cache_flush(struct hart *h);
void cache_flush_jumps(struct hart *h);
/* The block at h->pc, decoded if need be; NULL with the trap set. At most `limit` instructions. */
struct block *block_at_pc(struct hart *h, uint64_t limit);

/* --- sbi.c --- */
/* An ECALL from S-mode under the built-in SBI. */
void sbi_call(struct hart *h);

/* --- aclint.c --- */
bool aclint_attach(struct vm *vm);
void aclint_update_timer(struct vm *vm, struct hart *h);
/* mtimecmp changed: timer bits follow, and the slice ends so that the next one stops in time. */
void aclint_timer_moved(struct vm *vm);
/* The next tick at which a timer fires; UINT64_MAX where none will. */
uint64_t aclint_deadline(const struct vm *vm);
/* Instructions until the next timer interrupt of any hart, at least 1; UINT64_MAX where none is set. */
uint64_t aclint_distance(const struct vm *vm);

/* --- htif.c --- */
/* A store reached tohost: act on it. */
void htif_poll(struct vm *vm);
/* Tells who watches RAM (HTIF) of a store that the fast path did not do. */
void vm_stored(struct vm *vm, uint64_t physical, unsigned width);
