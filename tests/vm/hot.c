/* A machine's network path copies all the while another thread swaps the policy: under TSan no race, and never a wrong
   byte. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "vm/hart.h"
#include "copy/api.h"
#include "dispatch/api.h"
#include "vm/virtio/virtio_api.h"

#define SWAPS 2000
#define MOST 20000

static atomic_bool done;

static void *swap(void *unused)
{
    static const char *const names[] = {"libc", "portable"};
    for (int i = 0; i < SWAPS; i++) {
        const struct xo_rule rules[] = {
            {.end = (size_t)(64 + i % 32 * 100), .kernel = (uint32_t)xo_kernel_find(names[i % 2])},
            {.end = SIZE_MAX, .kernel = (uint32_t)xo_kernel_find(names[1 - i % 2])}};
        const struct xo_class every = {.span = 1, .rules = rules, .rule_count = 2};
        const struct xo_policy policy = {.classes = &every, .class_count = 1};
        if (xo_policy_install(&policy) != XO_OK)
            atomic_store(&done, true);
    }
    atomic_store(&done, true);
    return unused;
}

/* Copies by the guest's hypercall path, all of it compared. */
static int check(struct vm *vm, uint32_t turn)
{
    uint64_t size = 1 + turn * 977 % MOST, from = RAM_BASE + turn % 4096, to = RAM_BASE + (1 << 19) + turn * 7 % 4096;
    uint8_t *source = vm_ram_at(vm, from, size, ACCESS_WRITE), *target = vm_ram_at(vm, to, size, ACCESS_WRITE);
    for (uint64_t i = 0; i < size; i += 61)
        source[i] = (uint8_t)(turn + i);
    return !guest_copy(vm, to, from, size) || memcmp(source, target, size) != 0;
}

int main(void)
{
    const struct vm_config config = {.ram_size = 1 << 20, .harts = 1, .tlb_entries = 16, .block_cache = 64,
                                     .ticks_divisor = 10};
    char error[256];
    struct vm *vm = vm_create(&config, error, sizeof error);
    pthread_t swapper;
    int failed = !vm || pthread_create(&swapper, NULL, swap, NULL) != 0;
    uint32_t turn = 0;
    if (failed)
        return 2;
    vm_path_set(vm, VM_PATH_GUEST_COPY, (uintptr_t)xo_copy_address());
    while (!atomic_load(&done) || turn < 1000)
        failed |= check(vm, turn++);
    pthread_join(swapper, NULL);
    vm_destroy(vm);
    printf("%u copies\n", turn);
    return failed;
}
