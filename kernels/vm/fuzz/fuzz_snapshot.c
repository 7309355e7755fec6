/* Any bytes as a snapshot, as a piece of a migration, and as a machine's state behind a checksum that fits: refused with a
   sentence, or taken over by a machine that then runs for a little. */
#include "vm/fuzz/target.h"
#include "vm/machine_state.h"
#include "vm/state_api.h"
#include "vm/virtio/virtio_api.h"

static struct vm *machine(void)
{
    static const uint8_t mac[6] = {2};
    struct vm *vm = fuzz_machine();
    if (vm_attach_net(vm, mac, NULL, NULL, NULL) < 0 || vm_attach_display(vm, 16, 16) < 0)
        __builtin_trap();
    return vm;
}

/* A real state with the input written over a part of it. */
static bool altered_state(struct vm *vm, const uint8_t *data, size_t size)
{
    struct stream state = {0};
    machine_state_save(vm, &state);
    size_t at = (data[0] | (size_t)data[1] << 8) % state.size, n = size - 2;
    n = n < state.size - at ? n : state.size - at;
    memcpy(state.bytes + at, data + 2, n);
    bool taken = machine_state_replace(vm, &state);
    stream_free(&state);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    struct vm *vm = machine();
    const struct vm_image image = {(uint8_t *)(uintptr_t)(data + 1), size - 1};
    bool taken = false;
    if (data[0] % 3 == 0)
        taken = vm_snapshot_restore(vm, &image, 1) == 0;
    else if (data[0] % 3 == 1)
        taken = vm_migrate_receive(vm, image.bytes, image.size) >= 0;
    else
        taken = altered_state(vm, image.bytes, image.size);
    if (!taken && !vm_error(vm)[0])
        __builtin_trap();
    vm_run(vm, 1000);
    fuzz_end(vm);
    return 0;
}
