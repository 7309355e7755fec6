/* What the fuzz targets share: a small machine. */
#pragma once
#include "vm/internal.h"

#define FUZZ_RAM ((uint64_t)256 << 10)

static inline struct vm *fuzz_machine(void)
{
    static const struct vm_config config = {.ram_size = FUZZ_RAM, .harts = 2, .tlb_entries = 16, .block_cache = 64,
                                            .ticks_divisor = 10, .clock = VM_CLOCK_INSTRUCTIONS};
    char error[256];
    return vm_create(&config, error, sizeof error);
}
