/* What users may look at and change between runs. */
#include "vm/hart.h"
#include "vm/state_api.h"

/* Whoever looks at or writes RAM through this pointer goes past the hooks. */
uint8_t *vm_ram(struct vm *vm)
{
    vm_unshare(vm);
    return vm->ram;
}

uint64_t vm_ram_base(const struct vm *vm) { return (void)vm, RAM_BASE; }
uint64_t vm_ram_size(const struct vm *vm) { return vm->ram_size; }
uint32_t vm_hart_count(const struct vm *vm) { return vm->config.harts; }
uint64_t *vm_registers(struct vm *vm, uint32_t hart) { return vm->harts[hart]->x; }
uint64_t vm_pc(const struct vm *vm, uint32_t hart) { return vm->harts[hart]->pc; }
void vm_set_pc(struct vm *vm, uint32_t hart, uint64_t pc) { vm->harts[hart]->pc = pc & ~(uint64_t)1; }
uint32_t vm_privilege(const struct vm *vm, uint32_t hart) { return (uint32_t)vm->harts[hart]->privilege; }

void vm_set_privilege(struct vm *vm, uint32_t hart, uint32_t privilege)
{
    if (privilege == PRIV_U || privilege == PRIV_S || privilege == PRIV_M)
        set_privilege(vm->harts[hart], (enum privilege)privilege);
}

int vm_csr_read(struct vm *vm, uint32_t hart, uint32_t number, uint64_t *value)
{
    return csr_read(vm->harts[hart], number, value) ? 0 : -1;
}

int vm_csr_write(struct vm *vm, uint32_t hart, uint32_t number, uint64_t value)
{
    return csr_write(vm->harts[hart], number, value) ? 0 : -1;
}

static bool natural(uint64_t address, unsigned width)
{
    return (width == 1 || width == 2 || width == 4 || width == 8) && address % width == 0;
}

int vm_bus_read(struct vm *vm, uint64_t address, unsigned width, uint64_t *value)
{
    return natural(address, width) && bus_read(vm, address, width, value) ? 0 : -1;
}

int vm_bus_write(struct vm *vm, uint64_t address, unsigned width, uint64_t value)
{
    return natural(address, width) && bus_write(vm, address, value, width) ? 0 : -1;
}
