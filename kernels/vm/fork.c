/* Forks: a child shares its parent's pages until one of the two writes.

   A page that the child has not copied is marked in its flags (read and write hook), and in the parent's (write hook):
   the child copies it before its first access, and the parent hands it to the children that lack it before it writes.
   A machine that ends, is looked at from outside or is forked again finishes first what it shares. */
#include "vm/hart.h"
#include "vm/machine_state.h"
#include "vm/state_api.h"

static bool lacks(const struct vm *child, uint64_t page) { return child->page_flags[page] & PAGE_HOOK_READ; }

static uint8_t *host_page(const struct vm *vm, uint64_t page) { return vm->ram + (page << PAGE_SHIFT); }

/* Copies a page that the child lacks; a page of zeros is there already, for the child's RAM began as zeros. */
static void fetch(struct vm *child, uint64_t page)
{
    const uint8_t *from = host_page(child->parent, page);
    if (!child->zero_scan(from, PAGE_SIZE))
        vm_copy(child, VM_PATH_PAGE_COW, host_page(child, page), from, PAGE_SIZE);
    child->page_flags[page] &= (uint8_t)~(PAGE_HOOK_READ | PAGE_HOOK_WRITE);
    child->shared_pages--;
}

static void hand_out(struct vm *vm, uint64_t page)
{
    for (struct vm *child = vm->children; child; child = child->sibling)
        if (lacks(child, page))
            fetch(child, page);
    vm->page_flags[page] &= (uint8_t)~PAGE_HOOK_WRITE;
}

static void hook(struct vm *vm, uint64_t page, bool write)
{
    if (lacks(vm, page))
        fetch(vm, page);
    else if (write)
        hand_out(vm, page);
}

static void leave_parent(struct vm *child)
{
    if (!child->parent)
        return;
    struct vm **link = &child->parent->children;
    while (*link != child)
        link = &(*link)->sibling;
    *link = child->sibling;
    child->parent = child->sibling = NULL;
}

/* All that this machine lacks, after which it is nobody's child. */
static void fetch_all(struct vm *child)
{
    for (uint64_t page = 0; child->shared_pages; page++)
        if (lacks(child, page))
            fetch(child, page);
    leave_parent(child);
}

void vm_unshare(struct vm *vm)
{
    fetch_all(vm);
    while (vm->children)
        fetch_all(vm->children);
}

uint64_t vm_shared_pages(const struct vm *vm) { return vm->shared_pages; }

static bool transfer_state(struct vm *parent, struct vm *child)
{
    struct stream state = {0};
    machine_state_save(parent, &state);
    bool loaded = !state.failed && machine_state_load(child, &state);
    stream_free(&state);
    return loaded;
}

static void share_pages(struct vm *parent, struct vm *child)
{
    uint64_t pages = parent->ram_size >> PAGE_SHIFT;
    for (uint64_t page = 0; page < pages; page++) {
        parent->page_flags[page] |= PAGE_HOOK_WRITE;
        child->page_flags[page] = PAGE_HOOK_READ | PAGE_HOOK_WRITE;
    }
    child->shared_pages = pages;
    child->parent = parent;
    child->sibling = parent->children;
    parent->children = child;
    parent->page_hook = child->page_hook = hook;
}

int vm_fork(struct vm *parent, struct vm *child)
{
    if (child == parent || child->retired || child->parent || child->children) {
        vm_fail(child, "a fork needs a fresh machine to continue in");
        return -1;
    }
    fetch_all(parent);
    if (child->ram_size != parent->ram_size || !transfer_state(parent, child)) {
        if (!child->error[0])
            vm_fail(child, "a fork needs a machine with as much RAM");
        return -1;
    }
    ram_clear(child);
    share_pages(parent, child);
    vm_flush_host_addresses(parent);
    vm_flush_host_addresses(child);
    for (int path = 0; path < VM_PATH_COUNT; path++)
        vm_path_set(child, (enum vm_path)path, atomic_load(&parent->paths[path].copy));
    child->zero_scan = parent->zero_scan;
    child->snapshot_id = 0;
    return 0;
}
