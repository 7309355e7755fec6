/* Any bytes as what a driver does to a disk, a network card and a display: chains of descriptors, register accesses,
   bytes in memory, frames from outside. Afterwards each device's state is saved, loaded, and loaded damaged. */
#include "vm/fuzz/target.h"
#include "vm/stream.h"
#include "vm/virtio/virtio_api.h"

#define SLOTS 3
#define QUEUES 2
#define QUEUE_SIZE 16
#define SLOT_BASE UINT64_C(0x10001000)
#define RINGS RAM_BASE
#define RING_SPACE 0x1000
#define AVAIL 0x400
#define USED 0x800
#define BUFFERS (RAM_BASE + 0x10000)
#define OPERATIONS_MAX 400

struct input {
    const uint8_t *bytes;
    size_t left;
};

static uint64_t take(struct input *in, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width && in->left; i++, in->bytes++, in->left--)
        value |= (uint64_t)*in->bytes << 8 * i;
    return value;
}

static void put(struct vm *vm, uint64_t address, uint64_t value, unsigned width)
{
    if (address >= RAM_BASE && address - RAM_BASE <= FUZZ_RAM - 8)
        memcpy(vm_ram(vm) + (address - RAM_BASE), &value, width);
}

static void set_register(struct vm *vm, unsigned slot, unsigned offset, uint64_t value)
{
    bus_write(vm, SLOT_BASE + slot * 0x1000 + offset, value, 4);
}

static uint64_t rings(unsigned slot, unsigned queue) { return RINGS + (slot * QUEUES + queue) * RING_SPACE; }

static void place_queue(struct vm *vm, unsigned slot, unsigned queue)
{
    set_register(vm, slot, 0x30, queue);
    set_register(vm, slot, 0x38, QUEUE_SIZE);
    set_register(vm, slot, 0x80, rings(slot, queue));
    set_register(vm, slot, 0x90, rings(slot, queue) + AVAIL);
    set_register(vm, slot, 0xa0, rings(slot, queue) + USED);
    set_register(vm, slot, 0x44, 1);
}

static void start(struct vm *vm, unsigned slot, uint64_t features)
{
    set_register(vm, slot, 0x70, 0);
    memset(vm_ram(vm) + (rings(slot, 0) - RAM_BASE), 0, QUEUES * RING_SPACE);
    set_register(vm, slot, 0x24, 0);
    set_register(vm, slot, 0x20, features & 0x30000000);
    set_register(vm, slot, 0x24, 1);
    set_register(vm, slot, 0x20, 1);
    set_register(vm, slot, 0x70, 11);
    for (unsigned queue = 0; queue < QUEUES; queue++)
        place_queue(vm, slot, queue);
    set_register(vm, slot, 0x70, 15);
}

static uint64_t any_address(struct input *in)
{
    static const uint64_t edges[] = {RAM_BASE - 1, RAM_BASE, RAM_BASE + FUZZ_RAM - 1, RAM_BASE + FUZZ_RAM, 0,
                                     UINT64_MAX, SLOT_BASE, UINT64_MAX - 15};
    uint64_t kind = take(in, 1);
    return kind < 248 ? BUFFERS + kind * 0x100 : edges[kind - 248];
}

/* One chain: its head, a descriptor for each part, and the index moved on. */
static void offer_chain(struct vm *vm, unsigned slot, unsigned queue, struct input *in)
{
    uint64_t base = rings(slot, queue), shape = take(in, 1), head = shape % QUEUE_SIZE;
    for (uint64_t i = 0, at = head; i <= shape >> 6; i++, at = (at + 1) % QUEUE_SIZE) {
        put(vm, base + at * 16, any_address(in), 8);
        put(vm, base + at * 16 + 8, take(in, 2) % 0x1100, 4);
        put(vm, base + at * 16 + 12, take(in, 1) & 7, 2);
        put(vm, base + at * 16 + 14, (at + 1) % QUEUE_SIZE, 2);
    }
    uint16_t index;
    memcpy(&index, vm_ram(vm) + (base + AVAIL + 2 - RAM_BASE), sizeof index);
    put(vm, base + AVAIL + 4 + index % QUEUE_SIZE * 2, head, 2);
    put(vm, base + AVAIL + 2, (uint16_t)(index + 1), 2);
    set_register(vm, slot, 0x50, queue);
}

static void operate(struct vm *vm, struct input *in)
{
    uint64_t what = take(in, 1), value, width;
    unsigned slot = (what >> 4 & 7) % SLOTS, queue = what >> 7 & 1;
    switch (what % 8) {
    case 0: start(vm, slot, take(in, 4)); break;
    case 1: set_register(vm, slot, (unsigned)take(in, 2) & 0xffc, take(in, 4)); break;
    case 2: bus_read(vm, SLOT_BASE + slot * 0x1000 + (take(in, 2) & 0xffc), 4, &value); break;
    case 3: put(vm, rings(slot, queue) + (take(in, 2) & 0xfff), take(in, 4), 4); break;
    case 4:
        value = any_address(in);
        for (width = take(in, 1); width; width--, value++)
            put(vm, value, take(in, 1), 1);
        break;
    case 5:
        width = take(in, 2) % 0x1000;
        vm_net_receive(vm, 1, vm_ram(vm), width);
        break;
    default: offer_chain(vm, slot, queue, in);
    }
}

/* What a device saves, its like in another machine can load and saves again as the same bytes; damaged bytes are
   refused or loaded, no more. */
static void save_and_load(const struct device *d, const struct device *other, struct input *in)
{
    struct stream saved = {0}, again = {0};
    d->save(d->opaque, &saved);
    struct stream from = {.bytes = saved.bytes, .size = saved.size};
    if (saved.failed || !other->load(other->opaque, &from) || from.position != saved.size)
        __builtin_trap();
    other->save(other->opaque, &again);
    if (again.size != saved.size || memcmp(again.bytes, saved.bytes, saved.size) != 0)
        __builtin_trap();
    size_t place = take(in, 2) % saved.size;
    saved.bytes[place] = (uint8_t)(saved.bytes[place] ^ (1 + take(in, 1) % 255));
    from = (struct stream){.bytes = saved.bytes, .size = saved.size - take(in, 1) % 2};
    other->load(other->opaque, &from);
    stream_free(&saved);
    stream_free(&again);
}

static struct vm *machine_with_devices(void)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct vm *vm = fuzz_machine();
    if (vm_attach_block_memory(vm, NULL, 16384, 0) != 0 || vm_attach_net(vm, mac, NULL, NULL, NULL) != 1 ||
        vm_attach_display(vm, 48, 32) != 2)
        __builtin_trap();
    return vm;
}

static void notify_all(struct vm *vm)
{
    for (unsigned slot = 0; slot < SLOTS; slot++)
        for (unsigned queue = 0; queue < QUEUES; queue++)
            set_register(vm, slot, 0x50, queue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.bytes = data, .left = size};
    struct vm *vm = machine_with_devices(), *other = machine_with_devices();
    for (unsigned slot = 0; slot < SLOTS; slot++)
        start(vm, slot, UINT32_MAX);
    for (unsigned i = 0; in.left && i < OPERATIONS_MAX; i++)
        operate(vm, &in);
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (vm->devices[i].save && vm->devices[i].load)
            save_and_load(&vm->devices[i], &other->devices[i], &in);
    memcpy(vm_ram(other), vm_ram(vm), FUZZ_RAM);
    notify_all(other);
    fuzz_end(vm);
    fuzz_end(other);
    return 0;
}
