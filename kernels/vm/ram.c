/* Guest RAM: pages, their flags, and the bulk paths. */
#include <sys/mman.h>

#include "vm/hart.h"
#include "vm/state_api.h"

static const uint8_t hook_flag[] = {PAGE_HOOK_READ, PAGE_HOOK_WRITE, PAGE_HOOK_READ};

static void mark_page(struct vm *vm, uint64_t page)
{
    uint8_t flags = vm->page_flags[page];
    if (!(flags & PAGE_DIRTY)) {
        vm->page_flags[page] = flags | PAGE_DIRTY;
        vm->dirty[page / 64] |= (uint64_t)1 << page % 64;
    }
    if (flags & PAGE_CODE)
        vm->code_written = true;
}

static bool in_ram(const struct vm *vm, uint64_t address, uint64_t length)
{
    uint64_t offset = address - RAM_BASE;
    return address >= RAM_BASE && offset <= vm->ram_size && length <= vm->ram_size - offset;
}

uint8_t *vm_ram_at(struct vm *vm, uint64_t address, uint64_t length, enum access access)
{
    if (!in_ram(vm, address, length))
        return NULL;
    uint64_t offset = address - RAM_BASE, last = length ? offset + length - 1 : offset;
    for (uint64_t page = offset >> PAGE_SHIFT; length && page <= last >> PAGE_SHIFT; page++) {
        if (unlikely(vm->page_flags[page] & hook_flag[access]) && vm->page_hook)
            vm->page_hook(vm, page, access == ACCESS_WRITE);
        if (access == ACCESS_WRITE)
            mark_page(vm, page);
    }
    return vm->ram + offset;
}

void ram_clear(struct vm *vm)
{
    if (madvise(vm->ram, vm->ram_size, MADV_DONTNEED) != 0)
        memset(vm->ram, 0, vm->ram_size);
}

void vm_mark_dirty(struct vm *vm, uint64_t address, uint64_t length)
{
    if (!length || !in_ram(vm, address, length))
        return;
    uint64_t offset = address - RAM_BASE;
    for (uint64_t page = offset >> PAGE_SHIFT; page <= (offset + length - 1) >> PAGE_SHIFT; page++)
        mark_page(vm, page);
}

void vm_flush_host_addresses(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.harts; i++)
        tlb_flush(vm->harts[i]);
}

const uint64_t *vm_dirty_bitmap(const struct vm *vm) { return vm->dirty; }

void vm_dirty_clear(struct vm *vm)
{
    uint64_t words = (vm->ram_size / PAGE_SIZE + 63) / 64, pages = vm->ram_size / PAGE_SIZE;
    for (uint64_t w = 0; w < words; w++) {
        if (!vm->dirty[w])
            continue;
        vm->dirty[w] = 0;
        for (uint64_t page = w * 64; page < w * 64 + 64 && page < pages; page++)
            vm->page_flags[page] &= (uint8_t)~PAGE_DIRTY;
    }
    vm->snapshot_id = 0;
    for (uint32_t i = 0; i < vm->config.harts; i++)
        tlb_flush_kind(vm->harts[i], ACCESS_WRITE);
}

void vm_ram_changed(struct vm *vm)
{
    vm->code_written = true;
    vm->snapshot_id = 0;  /* what changed is in no bitmap */
    fence_instructions(vm);
}

/* Eight bytes a step; a page of a running guest mostly ends the search with its first ones. */
static int all_zero(const void *bytes, size_t n)
{
    const uint8_t *at = bytes, *end = at + n;
    uint64_t word;
    for (; (size_t)(end - at) >= sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        if (word)
            return 0;
    }
    while (at < end && *at == 0)
        at++;
    return at == end;
}

void vm_set_zero_scan(struct vm *vm, uintptr_t scan)
{
    vm->zero_scan = scan ? (int (*)(const void *, size_t))scan : all_zero;
}

void vm_path_set(struct vm *vm, enum vm_path path, uintptr_t copy)
{
    atomic_store_explicit(&vm->paths[path].copy, copy ? copy : (uintptr_t)memcpy, memory_order_release);
}

void vm_copy(struct vm *vm, enum vm_path path, void *dst, const void *src, size_t n)
{
    struct path *p = &vm->paths[path];
    if (n == 0)
        return;
    atomic_fetch_add_explicit(&p->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->bytes, n, memory_order_relaxed);
    p->histogram[63 - __builtin_clzll(n)]++;
    p->deltas[((uintptr_t)dst - (uintptr_t)src) % PAGE_SIZE / 64]++;
    ((copy_fn)atomic_load_explicit(&p->copy, memory_order_acquire))(dst, src, n);
}

bool guest_copy(struct vm *vm, uint64_t to, uint64_t from, uint64_t size)
{
    const uint8_t *source = vm_ram_at(vm, from, size, ACCESS_READ);
    if (!source || to - from < size || from - to < size)
        return false;
    uint8_t *destination = vm_ram_at(vm, to, size, ACCESS_WRITE);
    if (destination)
        vm_copy(vm, VM_PATH_GUEST_COPY, destination, source, size);
    return destination != NULL;
}

uint64_t vm_path_calls(const struct vm *vm, enum vm_path path) { return vm->paths[path].calls; }
uint64_t vm_path_bytes(const struct vm *vm, enum vm_path path) { return vm->paths[path].bytes; }
const uint64_t *vm_path_deltas(const struct vm *vm, enum vm_path path) { return vm->paths[path].deltas; }
const uint64_t *vm_path_histogram(const struct vm *vm, enum vm_path path) { return vm->paths[path].histogram; }
