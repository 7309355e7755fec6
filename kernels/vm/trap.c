/* Traps: exceptions, interrupts, delegation and the returns from them. */
#include "vm/hart.h"

#define STUCK_TRAPS 100000

static const int by_priority[] = {IRQ_MEI, IRQ_MSI, IRQ_MTI, IRQ_SEI, IRQ_SSI, IRQ_STI};

void set_trap(struct hart *h, enum cause cause, uint64_t value)
{
    h->trap_cause = (uint64_t)cause;
    h->trap_value = value;
}

void set_privilege(struct hart *h, enum privilege privilege)
{
    h->privilege = privilege;
    select_data_bank(h);
}

static uint64_t vector(uint64_t tvec, uint64_t cause)
{
    uint64_t base = tvec & ~(uint64_t)3;
    return (tvec & 1) && (cause & CAUSE_INTERRUPT) ? base + 4 * (cause & ~CAUSE_INTERRUPT) : base;
}

static void enter_supervisor(struct hart *h)
{
    h->scause = h->trap_cause;
    h->stval = h->trap_value;
    h->sepc = h->pc;
    uint64_t m = h->mstatus & ~(MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SIE);
    m |= h->mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0;
    m |= h->privilege == PRIV_S ? MSTATUS_SPP : 0;
    h->mstatus = m;
    h->pc = vector(h->stvec, h->trap_cause);
    set_privilege(h, PRIV_S);
}

static void enter_machine(struct hart *h)
{
    h->mcause = h->trap_cause;
    h->mtval = h->trap_value;
    h->mepc = h->pc;
    uint64_t m = h->mstatus & ~(MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MIE);
    m |= h->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0;
    m |= (uint64_t)h->privilege << MSTATUS_MPP_SHIFT;
    h->mstatus = m;
    h->pc = vector(h->mtvec, h->trap_cause);
    set_privilege(h, PRIV_M);
}

/* A guest whose handler itself traps would never come to the end of its budget. */
static void count_trap(struct hart *h)
{
    uint64_t now = hart_retired(h);
    h->traps_there = now == h->last_trap_at ? h->traps_there + 1 : 0;
    h->last_trap_at = now;
    if (h->traps_there >= STUCK_TRAPS)
        h->stop = h->leave = h->stuck = true;
}

void enter_trap(struct hart *h)
{
    uint64_t bit = h->trap_cause & ~CAUSE_INTERRUPT;
    uint64_t delegated = h->trap_cause & CAUSE_INTERRUPT ? h->mideleg : h->medeleg;
    count_trap(h);
    if (h->privilege != PRIV_M && (delegated >> bit & 1))
        enter_supervisor(h);
    else
        enter_machine(h);
}

/* The interrupts that would be taken now, as bits of mip. */
static uint64_t deliverable(const struct hart *h)
{
    uint64_t pending = hart_mip(h) & h->mie;
    bool machine = h->privilege != PRIV_M || (h->mstatus & MSTATUS_MIE);
    bool supervisor = h->privilege == PRIV_U || (h->privilege == PRIV_S && (h->mstatus & MSTATUS_SIE));
    uint64_t for_machine = machine ? pending & ~h->mideleg : 0;
    return for_machine ? for_machine : supervisor ? pending & h->mideleg : 0;
}

bool interrupt_deliverable(const struct hart *h) { return deliverable(h) != 0; }

bool take_interrupt(struct hart *h)
{
    uint64_t bits = deliverable(h);
    for (size_t i = 0; bits && i < sizeof by_priority / sizeof *by_priority; i++)
        if (bits >> by_priority[i] & 1) {
            h->trap_cause = CAUSE_INTERRUPT | (uint64_t)by_priority[i];
            h->trap_value = 0;
            enter_trap(h);
            return true;
        }
    return false;
}

static void return_to(struct hart *h, enum privilege privilege, uint64_t pc)
{
    if (privilege != PRIV_M)
        h->mstatus &= ~MSTATUS_MPRV;
    h->pc = pc;
    set_privilege(h, privilege);
}

static bool return_from_supervisor(struct hart *h)
{
    if (h->privilege == PRIV_U || (h->privilege == PRIV_S && (h->mstatus & MSTATUS_TSR)))
        return false;
    enum privilege to = h->mstatus & MSTATUS_SPP ? PRIV_S : PRIV_U;
    uint64_t enable = h->mstatus & MSTATUS_SPIE ? MSTATUS_SIE : 0;
    h->mstatus = (h->mstatus & ~(MSTATUS_SIE | MSTATUS_SPP)) | enable | MSTATUS_SPIE;
    return_to(h, to, h->sepc);
    return true;
}

bool return_from_trap(struct hart *h, enum privilege from)
{
    if (from == PRIV_S)
        return return_from_supervisor(h);
    if (h->privilege != PRIV_M)
        return false;
    enum privilege to = (enum privilege)((h->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT);
    uint64_t enable = h->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0;
    h->mstatus = (h->mstatus & ~(MSTATUS_MIE | MSTATUS_MPP)) | enable | MSTATUS_MPIE;
    return_to(h, to, h->mepc);
    return true;
}
