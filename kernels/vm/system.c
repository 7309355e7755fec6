/* The instructions under the SYSTEM opcode, and FENCE.I. */
#include "vm/hart.h"

#define ECALL 0x00000073u
#define EBREAK 0x00100073u
#define SRET 0x10200073u
#define MRET 0x30200073u
#define WFI 0x10500073u
#define SFENCE_VMA_MASK 0xfe007fffu
#define SFENCE_VMA 0x12000073u

static enum system_result illegal(struct hart *h, uint32_t word)
{
    set_trap(h, CAUSE_ILLEGAL, word);
    return SYSTEM_TRAP;
}

static enum system_result environment_call(struct hart *h)
{
    if (h->privilege == PRIV_S && h->vm->mode == VM_MODE_SUPERVISOR) {
        sbi_call(h);
        return SYSTEM_NEXT;
    }
    set_trap(h, (enum cause)(CAUSE_ECALL_U + (int)h->privilege), 0);
    return SYSTEM_TRAP;
}

static enum system_result wait_for_interrupt(struct hart *h, uint32_t word)
{
    if (h->privilege == PRIV_U || (h->privilege == PRIV_S && (h->mstatus & MSTATUS_TW)))
        return illegal(h, word);
    h->waiting = !(hart_mip(h) & h->mie);
    h->stop = h->leave = h->waiting;
    return SYSTEM_NEXT;
}

static enum system_result fence_translations(struct hart *h, uint32_t word)
{
    if (h->privilege == PRIV_U || (h->privilege == PRIV_S && (h->mstatus & MSTATUS_TVM)))
        return illegal(h, word);
    tlb_flush(h);
    cache_flush_jumps(h);
    return SYSTEM_NEXT;
}

static enum system_result trap_return(struct hart *h, uint32_t word)
{
    return return_from_trap(h, word == MRET ? PRIV_M : PRIV_S) ? SYSTEM_JUMP : illegal(h, word);
}

enum system_result system_execute(struct hart *h, uint32_t word)
{
    if (word >> 12 & 3)
        return csr_execute(h, word) ? SYSTEM_NEXT : illegal(h, word);
    if ((word & SFENCE_VMA_MASK) == SFENCE_VMA)
        return fence_translations(h, word);
    switch (word) {
    case ECALL: return environment_call(h);
    case EBREAK: set_trap(h, CAUSE_BREAKPOINT, h->pc); return SYSTEM_TRAP;
    case MRET: case SRET: return trap_return(h, word);
    case WFI: return wait_for_interrupt(h, word);
    default: return illegal(h, word);
    }
}

void fence_instructions(struct vm *vm)
{
    if (!vm->code_written)
        return;
    vm->code_written = false;
    for (uint32_t i = 0; i < vm->config.harts; i++) {
        cache_flush(vm->harts[i]);
        tlb_flush_kind(vm->harts[i], ACCESS_WRITE);  /* so that the next store into code is seen again */
    }
}
