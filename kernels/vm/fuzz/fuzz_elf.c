/* Any bytes as an ELF file: refused with a sentence, or loaded and run for a little. */
#include "vm/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm *vm = fuzz_machine();
    if (vm_load_elf(vm, data, size, VM_MODE_MACHINE) == 0)
        vm_run(vm, 1000);
    else if (!vm_error(vm)[0])
        __builtin_trap();
    fuzz_end(vm);
    return 0;
}
