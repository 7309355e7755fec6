/* The flattened device tree: what a supervisor reads to learn what machine it is on.
   Devicetree Specification 0.4, chapter 5 (DTB format, version 17). */
#include "vm/fdt.h"

#include <stdio.h>

#include "vm/internal.h"
#include "vm/plic.h"
#include "vm/stream.h"

#define MAGIC 0xd00dfeed
#define VERSION 17
#define COMPATIBLE_VERSION 16
#define HEADER_SIZE 40
#define RESERVATIONS_SIZE 16
#define TIMEBASE 10000000
#define MAX_NAME 64

enum token { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, END = 9 };
/* Phandles: the PLIC, then each hart's interrupt controller. */
enum { PLIC_HANDLE = 1, HART_HANDLE = 2 };

struct fdt {
    struct stream structure, strings;
};

static void put_cell(struct stream *s, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    stream_write(s, bytes, sizeof bytes);
}

static void align(struct stream *s)
{
    while (s->size % 4 && !s->failed)
        stream_write(s, "", 1);
}

/* Where the property's name stands among the strings; it is added where it is new. */
static uint32_t name_offset(struct fdt *f, const char *name)
{
    size_t length = strlen(name) + 1;
    for (size_t at = 0; at < f->strings.size; at += strlen((const char *)f->strings.bytes + at) + 1)
        if (strcmp((const char *)f->strings.bytes + at, name) == 0)
            return (uint32_t)at;
    stream_write(&f->strings, name, length);
    return (uint32_t)(f->strings.size - length);
}

static void begin(struct fdt *f, const char *name)
{
    put_cell(&f->structure, BEGIN_NODE);
    stream_write(&f->structure, name, strlen(name) + 1);
    align(&f->structure);
}

static void begin_at(struct fdt *f, const char *name, uint64_t address)
{
    char text[MAX_NAME];
    snprintf(text, sizeof text, "%s@%llx", name, (unsigned long long)address);
    begin(f, text);
}

static void end(struct fdt *f) { put_cell(&f->structure, END_NODE); }

static void property(struct fdt *f, const char *name, const void *value, size_t size)
{
    put_cell(&f->structure, PROPERTY);
    put_cell(&f->structure, (uint32_t)size);
    put_cell(&f->structure, name_offset(f, name));
    stream_write(&f->structure, value, size);
    align(&f->structure);
}

static void text(struct fdt *f, const char *name, const char *value) { property(f, name, value, strlen(value) + 1); }

static void cells(struct fdt *f, const char *name, const uint32_t *values, size_t count)
{
    put_cell(&f->structure, PROPERTY);
    put_cell(&f->structure, (uint32_t)(4 * count));
    put_cell(&f->structure, name_offset(f, name));
    for (size_t i = 0; i < count; i++)
        put_cell(&f->structure, values[i]);
}

static void cell(struct fdt *f, const char *name, uint32_t value) { cells(f, name, &value, 1); }

static void region(struct fdt *f, uint64_t base, uint64_t size)
{
    const uint32_t values[] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32), (uint32_t)size};
    cells(f, "reg", values, 4);
}

static void interrupt_controller(struct fdt *f)
{
    property(f, "interrupt-controller", NULL, 0);
    cell(f, "#interrupt-cells", 1);
}

static void cpu(struct fdt *f, uint32_t hart)
{
    begin_at(f, "cpu", hart);
    text(f, "device_type", "cpu");
    cell(f, "reg", hart);
    text(f, "status", "okay");
    text(f, "compatible", "riscv");
    text(f, "riscv,isa", "rv64imac_zicsr_zifencei");
    text(f, "mmu-type", "riscv,sv39");
    begin(f, "interrupt-controller");
    interrupt_controller(f);
    text(f, "compatible", "riscv,cpu-intc");
    cell(f, "phandle", HART_HANDLE + hart);
    end(f);
    end(f);
}

static void cpus(struct fdt *f, const struct vm *vm)
{
    begin(f, "cpus");
    cell(f, "#address-cells", 1);
    cell(f, "#size-cells", 0);
    cell(f, "timebase-frequency", TIMEBASE);
    for (uint32_t hart = 0; hart < vm->config.harts; hart++)
        cpu(f, hart);
    end(f);
}

/* Which interrupts of each hart a controller drives, two a hart or one. */
static void wires(struct fdt *f, const struct vm *vm, enum interrupt first, enum interrupt second)
{
    uint32_t values[4 * MAX_HARTS];
    size_t count = 0;
    for (uint32_t hart = 0; hart < vm->config.harts; hart++) {
        values[count++] = HART_HANDLE + hart;
        values[count++] = first;
        if (second != first) {
            values[count++] = HART_HANDLE + hart;
            values[count++] = second;
        }
    }
    cells(f, "interrupts-extended", values, count);
}

static void controller(struct fdt *f, const struct vm *vm, const struct device *d)
{
    begin_at(f, d->name, d->base);
    region(f, d->base, d->size);
    if (strcmp(d->name, "plic") == 0) {
        text(f, "compatible", "sifive,plic-1.0.0");
        wires(f, vm, IRQ_MEI, IRQ_SEI);
        interrupt_controller(f);
        cell(f, "riscv,ndev", PLIC_SOURCES - 1);
        cell(f, "phandle", PLIC_HANDLE);
    } else if (strcmp(d->name, "mtimer") == 0) {
        text(f, "compatible", "riscv,aclint-mtimer");
        wires(f, vm, IRQ_MTI, IRQ_MTI);
    } else {
        bool machine = strcmp(d->name, "mswi") == 0;
        text(f, "compatible", machine ? "riscv,aclint-mswi" : "riscv,aclint-sswi");
        wires(f, vm, machine ? IRQ_MSI : IRQ_SSI, machine ? IRQ_MSI : IRQ_SSI);
    }
    end(f);
}

static void simple_device(struct fdt *f, const struct device *d)
{
    begin_at(f, d->name, d->base);
    text(f, "compatible", d->compatible);
    region(f, d->base, d->size);
    if (d->irq) {
        cell(f, "interrupts", d->irq);
        cell(f, "interrupt-parent", PLIC_HANDLE);
    }
    if (d->clock_frequency)
        cell(f, "clock-frequency", d->clock_frequency);
    end(f);
}

static void devices(struct fdt *f, const struct vm *vm)
{
    begin(f, "soc");
    cell(f, "#address-cells", 2);
    cell(f, "#size-cells", 2);
    text(f, "compatible", "simple-bus");
    property(f, "ranges", NULL, 0);
    for (uint32_t i = 0; i < vm->device_count; i++) {
        if (vm->devices[i].compatible)
            simple_device(f, &vm->devices[i]);
        else
            controller(f, vm, &vm->devices[i]);
    }
    end(f);
}

static void chosen(struct fdt *f, const struct vm *vm)
{
    char path[MAX_NAME];
    begin(f, "chosen");
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (strcmp(vm->devices[i].name, "serial") == 0) {
            snprintf(path, sizeof path, "/soc/serial@%llx", (unsigned long long)vm->devices[i].base);
            text(f, "stdout-path", path);
        }
    end(f);
}

static void tree(struct fdt *f, const struct vm *vm)
{
    begin(f, "");
    cell(f, "#address-cells", 2);
    cell(f, "#size-cells", 2);
    text(f, "compatible", "riscv-virtio");
    text(f, "model", "crossover");
    chosen(f, vm);
    begin_at(f, "memory", RAM_BASE);
    text(f, "device_type", "memory");
    region(f, RAM_BASE, vm->ram_size);
    end(f);
    cpus(f, vm);
    devices(f, vm);
    end(f);
    put_cell(&f->structure, END);
}

/* Header, reservations, structure and strings as one. */
static void assemble(struct fdt *f, struct stream *blob)
{
    static const uint8_t no_reservations[RESERVATIONS_SIZE];
    uint32_t structure = (uint32_t)f->structure.size, strings = (uint32_t)f->strings.size;
    uint32_t at = HEADER_SIZE + RESERVATIONS_SIZE;
    const uint32_t header[] = {MAGIC, at + structure + strings, at, at + structure, HEADER_SIZE, VERSION,
                               COMPATIBLE_VERSION, 0, strings, structure};
    for (size_t i = 0; i < sizeof header / sizeof *header; i++)
        put_cell(blob, header[i]);
    stream_write(blob, no_reservations, sizeof no_reservations);
    stream_write(blob, f->structure.bytes, structure);
    stream_write(blob, f->strings.bytes, strings);
    blob->failed |= f->structure.failed || f->strings.failed;
}

static bool empty(const uint8_t *bytes, uint64_t size)
{
    uint64_t i = 0;
    while (i < size && bytes[i] == 0)
        i++;
    return i == size;
}

/* Nothing lies there but, at most, the tree of an earlier load. */
static bool free_to_use(const struct vm *vm, const uint8_t *bytes, uint64_t address, uint64_t size)
{
    static const uint8_t magic[] = {0xd0, 0x0d, 0xfe, 0xed};
    return empty(bytes, size) || (vm->device_tree == address && memcmp(bytes, magic, sizeof magic) == 0);
}

void fdt_place(struct vm *vm)
{
    struct fdt f = {{0}, {0}};
    struct stream blob = {0};
    tree(&f, vm);
    assemble(&f, &blob);
    uint64_t room = (blob.size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    uint64_t address = RAM_BASE + vm->ram_size - room, found = 0;
    uint8_t *end_of_ram = !blob.failed && room < vm->ram_size / 2 ? vm_ram_at(vm, address, room, ACCESS_WRITE) : NULL;
    if (end_of_ram && free_to_use(vm, end_of_ram, address, room)) {
        memcpy(end_of_ram, blob.bytes, blob.size);
        found = address;
    }
    vm->device_tree = found;
    stream_free(&f.structure);
    stream_free(&f.strings);
    stream_free(&blob);
}
