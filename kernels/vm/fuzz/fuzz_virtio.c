/* A guest that drives a disk, a network card and a display with any rings and any register writes. The first pages of
   RAM are the input, so that descriptors, rings and requests come from it; then the input is read as register writes. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vm/fuzz/target.h"
#include "vm/virtio/virtio_api.h"

#define DISK_SIZE 65536
#define FIRST 0x10001000
#define DEVICES 3
#define STEP 6

static const char *disk_path(void)
{
    static char path[64];
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/fuzz-disk-%d", (int)getpid());
        FILE *file = fopen(path, "wb");
        if (!file || ftruncate(fileno(file), DISK_SIZE) != 0 || fclose(file) != 0)
            abort();
    }
    return path;
}

static void put(struct vm *vm, uint32_t slot, uint64_t offset, uint32_t value)
{
    bus_write(vm, FIRST + slot * (uint64_t)0x1000 + offset, value, 4);
}

static void start(struct vm *vm, uint32_t slot)
{
    put(vm, slot, 0x24, 1);
    put(vm, slot, 0x20, 1);
    put(vm, slot, 0x70, 11);
    for (uint32_t queue = 0; queue < 2; queue++) {
        uint32_t at = (uint32_t)RAM_BASE + queue * 0x800;
        put(vm, slot, 0x30, queue);
        put(vm, slot, 0x38, 8);
        put(vm, slot, 0x80, at);
        put(vm, slot, 0x90, at + 0x80);
        put(vm, slot, 0xa0, at + 0x100);
        put(vm, slot, 0x44, 1);
    }
    put(vm, slot, 0x70, 15);
}

static void drive(struct vm *vm, const uint8_t *data, size_t size)
{
    static const uint16_t offsets[] = {0x50, 0x50, 0x50, 0x70, 0x30, 0x38, 0x44, 0x80, 0x84, 0x90, 0xa0, 0x64, 0x20, 0x100};
    for (; size >= STEP; data += STEP, size -= STEP) {
        uint32_t value;
        uint64_t ignored;
        memcpy(&value, data + 2, sizeof value);
        uint16_t offset = offsets[data[1] % (sizeof offsets / sizeof *offsets)];
        put(vm, data[0] % DEVICES, offset, offset == 0x50 ? value & 1 : value);
        bus_read(vm, FIRST + data[0] % DEVICES * (uint64_t)0x1000 + data[1] * 4, 4, &ignored);
        if (data[0] > 200)
            vm_net_receive(vm, 1, data, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm *vm = size > 1 ? fuzz_machine() : NULL;
    if (!vm)
        return 0;
    memcpy(vm_ram(vm), data, size < FUZZ_RAM ? size : FUZZ_RAM);
    if (vm_attach_block(vm, disk_path(), 0) != 0 || vm_attach_net(vm, NULL, NULL) != 1 || vm_attach_display(vm, 32, 32) != 2)
        abort();
    for (uint32_t slot = 0; slot < DEVICES; slot++)
        start(vm, slot);
    drive(vm, data, size);
    vm_destroy(vm);
    return 0;
}
