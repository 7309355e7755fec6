/* A hart's life: made, reset, freed. */
#include "vm/hart.h"

#include <stdlib.h>

static bool create_tlb(struct hart *h)
{
    uint32_t entries = h->vm->config.tlb_entries;
    h->tlb_mask = (uint32_t)((entries - 1) * sizeof(struct tlb_entry));
    for (int bank = 0; bank < 4; bank++)
        for (int kind = 0; bank != 2 && kind < ACCESS_KINDS; kind++)
            if (!(h->banks[bank].entries[kind] = calloc(entries, sizeof(struct tlb_entry))))
                return false;
    tlb_flush(h);
    return true;
}

struct hart *hart_create(struct vm *vm, uint32_t id)
{
    struct hart *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->vm = vm;
    h->id = id;
    if (!create_tlb(h) || !cache_create(h, vm->config.block_cache)) {
        hart_destroy(h);
        return NULL;
    }
    return h;
}

void hart_destroy(struct hart *h)
{
    if (!h)
        return;
    cache_destroy(h);
    for (int bank = 0; bank < 4; bank++)
        for (int kind = 0; kind < ACCESS_KINDS; kind++)
            free(h->banks[bank].entries[kind]);
    free(h);
}

/* What firmware would have set before it starts a supervisor: everything open to it and delegated. */
static void prepare_supervisor(struct hart *h)
{
    h->medeleg = 0xb3ff & ~(uint64_t)(1 << CAUSE_ECALL_S);
    h->mideleg = 1 << IRQ_SSI | 1 << IRQ_STI | 1 << IRQ_SEI;
    h->mcounteren = 7;
    h->pmpaddr[0] = ((uint64_t)1 << 54) - 1;
    h->pmpcfg[0] = 0x1f;
    h->pmp_active = 1;
}

void hart_reset(struct hart *h, uint64_t entry, enum vm_mode mode)
{
    struct hart blank = {.vm = h->vm, .id = h->id, .pc = entry, .tlb_mask = h->tlb_mask, .cache = h->cache,
                         .reservation = RESERVATION_NONE, .last_trap_at = UINT64_MAX};
    memcpy(blank.banks, h->banks, sizeof blank.banks);
    blank.x[10] = h->id;
    blank.x[11] = h->vm->device_tree;
    *h = blank;
    if (mode == VM_MODE_SUPERVISOR) {
        prepare_supervisor(h);
        h->hsm = h->id == 0 ? HSM_STARTED : HSM_STOPPED;
    }
    set_privilege(h, mode == VM_MODE_SUPERVISOR ? PRIV_S : PRIV_M);
    tlb_flush(h);
    cache_flush(h);
}

uint64_t hart_retired(const struct hart *h) { return h->retired_before + (h->budget - h->left); }
