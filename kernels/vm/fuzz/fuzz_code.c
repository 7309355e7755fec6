/* Any bytes as a guest: the first chooses how it starts, the rest lie at the start of RAM. Registers point to the
   ends of RAM, to devices and to tohost, so that random accesses land where it matters. */
#include "vm/fuzz/target.h"

static void aim_registers(struct vm *vm)
{
    static const uint64_t targets[] = {RAM_BASE, RAM_BASE + FUZZ_RAM - 4, RAM_BASE + FUZZ_RAM, 0x02000000, 0x02004000,
                                       0x0200bff8, 0x02f00000, RAM_BASE + 0x3ffe, UINT64_MAX - 3, 8u << 28};
    for (uint32_t hart = 0; hart < vm_hart_count(vm); hart++)
        for (unsigned i = 1; i < 32; i++)
            vm_registers(vm, hart)[i] = targets[i % (sizeof targets / sizeof *targets)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct vm *vm = fuzz_machine();
    size_t length = size - 1 < FUZZ_RAM ? size - 1 : FUZZ_RAM;
    memcpy(vm_ram(vm), data + 1, length);
    vm->tohost = RAM_BASE + 0x4000;
    vm_reset(vm, RAM_BASE, data[0] & 1 ? VM_MODE_SUPERVISOR : VM_MODE_MACHINE);
    if (data[0] & 2) {
        vm_csr_write(vm, 0, 0x180, (uint64_t)8 << 60 | RAM_BASE >> 12);
        vm_csr_write(vm, 0, 0x305, RAM_BASE);
        vm_csr_write(vm, 0, 0x105, RAM_BASE);
    }
    aim_registers(vm);
    vm_run(vm, data[0] & 4 ? 997 : 20000);
    vm_run(vm, 20000);
    fuzz_end(vm);
    return 0;
}
