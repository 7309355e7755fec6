/* What the fuzz targets share: a small machine whose RAM lies between pages that nothing may touch. */
#pragma once
#include <sys/mman.h>

#include "vm/internal.h"

#define FUZZ_RAM ((uint64_t)256 << 10)
#define FUZZ_GUARD ((uint64_t)1 << 20)

/* Gives the machine other RAM, in the middle of addresses without access. */
static inline void fuzz_guard(struct vm *vm)
{
    uint8_t *region = mmap(NULL, FUZZ_RAM + 2 * FUZZ_GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED || mprotect(region + FUZZ_GUARD, FUZZ_RAM, PROT_READ | PROT_WRITE) != 0)
        __builtin_trap();
    munmap(vm->ram, FUZZ_RAM);
    vm->ram = region + FUZZ_GUARD;
}

static inline struct vm *fuzz_machine(void)
{
    static const struct vm_config config = {.ram_size = FUZZ_RAM, .harts = 2, .tlb_entries = 16, .block_cache = 64,
                                            .ticks_divisor = 10, .clock = VM_CLOCK_INSTRUCTIONS};
    char error[256];
    struct vm *vm = vm_create(&config, error, sizeof error);
    if (!vm)
        __builtin_trap();
    fuzz_guard(vm);
    return vm;
}

static inline void fuzz_end(struct vm *vm)
{
    uint8_t *ram = vm->ram;
    vm_destroy(vm);
    munmap(ram - FUZZ_GUARD, FUZZ_RAM + 2 * FUZZ_GUARD);
}
