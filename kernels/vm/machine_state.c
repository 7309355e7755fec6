#include "vm/machine_state.h"

#include "vm/console.h"
#include "vm/csr.h"
#include "vm/hart.h"

#define MAX_NAME 64
#define PENDING_BITS 0xaaa  /* software, timer and external interrupts of supervisor and machine mode */

/* In an order in which each may be written: PMP addresses before the rules that may lock them, satp after those. */
static const uint32_t csrs[] = {
    CSR_MSTATUS, CSR_MEDELEG, CSR_MIDELEG, CSR_MIE, CSR_MTVEC, CSR_MCOUNTEREN, CSR_MENVCFG, CSR_MSCRATCH, CSR_MEPC,
    CSR_MCAUSE, CSR_MTVAL, CSR_STVEC, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_SSCRATCH, CSR_SEPC, CSR_SCAUSE, CSR_STVAL,
    CSR_PMPADDR0, CSR_PMPADDR0 + 1, CSR_PMPADDR0 + 2, CSR_PMPADDR0 + 3, CSR_PMPADDR0 + 4, CSR_PMPADDR0 + 5,
    CSR_PMPADDR0 + 6, CSR_PMPADDR0 + 7, CSR_PMPADDR0 + 8, CSR_PMPADDR0 + 9, CSR_PMPADDR0 + 10, CSR_PMPADDR0 + 11,
    CSR_PMPADDR0 + 12, CSR_PMPADDR0 + 13, CSR_PMPADDR0 + 14, CSR_PMPADDR15, CSR_PMPCFG0, CSR_PMPCFG2, CSR_SATP};

static void save_counter(const struct counter *c, struct stream *to)
{
    stream_write_u64(to, c->bias);
    stream_write_u64(to, c->frozen);
    stream_write_u64(to, c->inhibited);
}

static void load_counter(struct counter *c, struct stream *from)
{
    c->bias = stream_read_u64(from);
    c->frozen = stream_read_u64(from);
    c->inhibited = stream_read_u64(from) & 1;
}

static void save_hart(struct hart *h, struct stream *to)
{
    const uint64_t fields[] = {h->pc, (uint64_t)h->privilege, h->retired_before, h->waiting, (uint64_t)h->hsm,
                               h->reservation, h->last_trap_at, h->traps_there, h->mip, h->external_seip};
    for (int i = 1; i < 32; i++)
        stream_write_u64(to, h->x[i]);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    save_counter(&h->instret, to);
    save_counter(&h->cycle, to);
    for (size_t i = 0; i < sizeof csrs / sizeof *csrs; i++) {
        uint64_t value = 0;
        csr_read(h, csrs[i], &value);
        stream_write_u64(to, value);
    }
}

static bool load_hart(struct hart *h, struct stream *from)
{
    uint64_t privilege, hsm;
    hart_reset(h, 0, VM_MODE_MACHINE);
    for (int i = 1; i < 32; i++)
        h->x[i] = stream_read_u64(from);
    h->pc = stream_read_u64(from) & ~(uint64_t)1;
    privilege = stream_read_u64(from);
    h->retired_before = stream_read_u64(from);
    h->waiting = stream_read_u64(from) & 1;
    hsm = stream_read_u64(from);
    h->reservation = stream_read_u64(from);
    h->last_trap_at = stream_read_u64(from);
    h->traps_there = (uint32_t)stream_read_u64(from);
    h->mip = stream_read_u64(from) & PENDING_BITS;
    h->external_seip = stream_read_u64(from) & 1;
    load_counter(&h->instret, from);
    load_counter(&h->cycle, from);
    for (size_t i = 0; i < sizeof csrs / sizeof *csrs; i++)
        csr_write(h, csrs[i], stream_read_u64(from));
    bool sound = (privilege == PRIV_U || privilege == PRIV_S || privilege == PRIV_M) && hsm <= HSM_STOPPED;
    if (from->failed || !sound)
        return false;
    h->hsm = (enum hsm_state)hsm;
    set_privilege(h, (enum privilege)privilege);
    return true;
}

static void save_devices(struct vm *vm, struct stream *to)
{
    stream_write_u64(to, vm->device_count);
    for (uint32_t i = 0; i < vm->device_count; i++) {
        const struct device *d = &vm->devices[i];
        struct stream part = {0};
        if (d->save)
            d->save(d->opaque, &part);
        stream_write_u64(to, strlen(d->name));
        stream_write(to, d->name, strlen(d->name));
        stream_write_u64(to, d->base);
        stream_write_u64(to, part.size);
        stream_write(to, part.bytes, part.size);
        to->failed |= part.failed;
        stream_free(&part);
    }
}

static bool same_device(const struct device *d, struct stream *from)
{
    char name[MAX_NAME + 1] = "";
    uint64_t length = stream_read_u64(from);
    if (length > MAX_NAME)
        return false;
    stream_read(from, name, length);
    return stream_read_u64(from) == d->base && strcmp(name, d->name) == 0 && !from->failed;
}

static bool load_device(const struct device *d, struct stream *from)
{
    uint64_t size = stream_read_u64(from);
    if (from->failed || size > from->size - from->position)
        return false;
    struct stream part = {.bytes = from->bytes + from->position, .size = size};
    from->position += size;
    return (!d->load || d->load(d->opaque, &part)) && (!d->load || part.position == part.size);
}

static bool load_devices(struct vm *vm, struct stream *from)
{
    if (stream_read_u64(from) != vm->device_count) {
        vm_fail(vm, "the state is of a machine with other devices: attach the same ones in the same order");
        return false;
    }
    for (uint32_t i = 0; i < vm->device_count; i++) {
        const struct device *d = &vm->devices[i];
        if (!same_device(d, from)) {
            vm_fail(vm, "the state is of a machine with another device than %s in its place", d->name);
            return false;
        }
        if (!load_device(d, from)) {
            vm_fail(vm, "the state of device %s makes no sense", d->name);
            return false;
        }
    }
    return true;
}

static void save_machine(struct vm *vm, struct stream *to)
{
    const uint64_t fields[] = {vm->ram_size, vm->config.harts, vm->config.clock, vm->config.ticks_divisor,
                               (uint64_t)vm->mode, vm->entry, vm->device_tree, vm->tohost, vm->fromhost, vm->retired,
                               vm->clock_skip, vm->config.clock == VM_CLOCK_HOST ? vm_time(vm) : 0, vm->current_hart,
                               vm->exited, vm->exit_code};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    for (uint32_t i = 0; i < vm->config.harts; i++)
        stream_write_u64(to, vm->mtimecmp[i]);
}

static bool same_config(const struct vm *vm, struct stream *from)
{
    bool same = stream_read_u64(from) == vm->ram_size;
    same = stream_read_u64(from) == vm->config.harts && same;
    same = stream_read_u64(from) == (uint64_t)vm->config.clock && same;
    return stream_read_u64(from) == vm->config.ticks_divisor && same && !from->failed;
}

static bool load_machine(struct vm *vm, struct stream *from)
{
    uint64_t mode = stream_read_u64(from);
    vm->entry = stream_read_u64(from);
    vm->device_tree = stream_read_u64(from);
    vm->tohost = stream_read_u64(from);
    vm->fromhost = stream_read_u64(from);
    vm->retired = stream_read_u64(from);
    vm->clock_skip = stream_read_u64(from);
    uint64_t ticks = stream_read_u64(from), hart = stream_read_u64(from);
    vm->exited = stream_read_u64(from) & 1;
    vm->exit_code = stream_read_u64(from);
    for (uint32_t i = 0; i < vm->config.harts; i++)
        vm->mtimecmp[i] = stream_read_u64(from);
    if (from->failed || mode > VM_MODE_SUPERVISOR || hart >= vm->config.harts)
        return false;
    vm->mode = (enum vm_mode)mode;
    vm->current_hart = (uint32_t)hart;
    vm_set_time(vm, ticks);
    return true;
}

void machine_state_save(struct vm *vm, struct stream *to)
{
    save_machine(vm, to);
    for (uint32_t i = 0; i < vm->config.harts; i++)
        save_hart(vm->harts[i], to);
    console_save(vm->console, to);
    save_devices(vm, to);
}

static bool load_harts(struct vm *vm, struct stream *from)
{
    for (uint32_t i = 0; i < vm->config.harts; i++)
        if (!load_hart(vm->harts[i], from))
            return false;
    return true;
}

bool machine_state_load(struct vm *vm, struct stream *from)
{
    if (!same_config(vm, from)) {
        vm_fail(vm, "the state is of a machine with other RAM, harts or clock: make one like it");
        return false;
    }
    if (!load_machine(vm, from) || !load_harts(vm, from) || !console_load(vm->console, from)) {
        vm_fail(vm, "the state of the machine makes no sense");
        return false;
    }
    return load_devices(vm, from);
}

bool machine_state_replace(struct vm *vm, struct stream *from)
{
    struct stream before = {0};
    char reason[sizeof vm->error];
    machine_state_save(vm, &before);
    bool loaded = !before.failed && machine_state_load(vm, from);
    if (!loaded && !before.failed) {
        memcpy(reason, vm->error, sizeof reason);
        machine_state_load(vm, &before);
        memcpy(vm->error, reason, sizeof reason);
    } else if (!loaded) {
        vm_fail(vm, "no memory is left to keep the state that is replaced");
    }
    stream_free(&before);
    return loaded;
}
