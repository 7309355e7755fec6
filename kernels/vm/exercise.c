/* The machine's paths, driven from the host the way their callers drive them: rings for the devices, page flags for
   copy on write, runs and pieces for snapshots and migration. */
#include <stdlib.h>
#include <time.h>

#include "vm/hart.h"
#include "vm/state_api.h"
#include "vm/virtio/virtio_api.h"
#include "vm/vm.h"

#include "vm/exercise_api.h"

#define RAM ((uint64_t)64 << 20)
#define BUFFERS (RAM_BASE + ((uint64_t)4 << 20))    /* guest memory that moves go to or come from */
#define OTHER (RAM_BASE + ((uint64_t)32 << 20))
#define MOST ((uint64_t)16 << 20)
#define SLOT 0x10001000
#define RING(queue) (RAM_BASE + 0x10000 + (queue) * 0x10000)
#define AVAILABLE 0x4000
#define USED 0x8000
#define ENTRIES 256
#define MAX_FRAME 65550
#define NET_HEADER 12
#define WIDTH 640
#define BLIT_X 96
#define BLIT_WIDTH 200
#define PIXEL 4
#define FIRST_PAGE 1024  /* of what copy on write, snapshots and migration move */

struct exercise {
    bool (*prepare)(struct vm_exercise *e);
    bool (*once)(struct vm_exercise *e);
    uint64_t unit;  /* bytes of one */
};

struct vm_exercise {
    const struct exercise *kind;
    struct vm *vm, *child;
    enum vm_path path;
    uint64_t amount;
    uint32_t source, destination;
    const char *disk;
    uint8_t *host;          /* memory of the host's side, page-aligned */
    uint16_t available[2];  /* by queue */
};

/* --- A driver's part ------------------------------------------------------------------------------------- */

static void put(struct vm *vm, uint32_t offset, uint64_t value) { bus_write(vm, SLOT + offset, (uint32_t)value, 4); }

static void put_address(struct vm *vm, uint32_t offset, uint64_t address)
{
    put(vm, offset, address);
    put(vm, offset + 4, address >> 32);
}

static void start_queue(struct vm *vm, uint32_t queue)
{
    put(vm, 0x30, queue);
    put(vm, 0x38, ENTRIES);
    put_address(vm, 0x80, RING(queue));
    put_address(vm, 0x90, RING(queue) + AVAILABLE);
    put_address(vm, 0xa0, RING(queue) + USED);
    put(vm, 0x44, 1);
}

static void start_device(struct vm *vm, uint32_t queues)
{
    put(vm, 0x24, 1);
    put(vm, 0x20, 1);
    put(vm, 0x70, 11);
    for (uint32_t queue = 0; queue < queues; queue++)
        start_queue(vm, queue);
    put(vm, 0x70, 15);
}

static void describe(struct vm *vm, uint32_t queue, uint32_t index, uint64_t address, uint64_t length, bool write, bool more)
{
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } d = {address, (uint32_t)length, (uint16_t)((write ? 2 : 0) | (more ? 1 : 0)), (uint16_t)(index + 1)};
    memcpy(vm->ram + (RING(queue) - RAM_BASE) + 16 * index, &d, sizeof d);
}

/* Makes the chain that starts at descriptor 0 available once more. */
static void offer(struct vm_exercise *e, uint32_t queue)
{
    uint16_t *ring = (uint16_t *)(void *)(e->vm->ram + (RING(queue) + AVAILABLE - RAM_BASE));
    ring[2 + e->available[queue] % ENTRIES] = 0;
    __atomic_store_n(&ring[1], ++e->available[queue], __ATOMIC_RELEASE);
}

static bool returned(const struct vm_exercise *e, uint32_t queue)
{
    const uint16_t *used = (const uint16_t *)(const void *)(e->vm->ram + (RING(queue) + USED - RAM_BASE));
    return used[1] == e->available[queue];
}

static bool submit(struct vm_exercise *e, uint32_t queue)
{
    offer(e, queue);
    put(e->vm, 0x50, queue);
    return returned(e, queue);
}

/* --- Block device ---------------------------------------------------------------------------------------- */

static bool prepare_disk(struct vm_exercise *e)
{
    const uint32_t request[4] = {e->path == VM_PATH_DMA_READ ? 1 : 0, 0, 0, 0};
    if (!e->disk || e->amount % 512 || vm_attach_block(e->vm, e->disk, 0) != 0)
        return false;
    start_device(e->vm, 1);
    memcpy(e->vm->ram + (OTHER - RAM_BASE), request, sizeof request);
    describe(e->vm, 0, 0, OTHER, sizeof request, false, true);
    describe(e->vm, 0, 1, BUFFERS, e->amount, e->path == VM_PATH_DMA_WRITE, true);
    describe(e->vm, 0, 2, OTHER + 64, 1, true, false);
    return true;
}

static bool move_disk(struct vm_exercise *e) { return submit(e, 0) && e->vm->ram[OTHER - RAM_BASE + 64] == 0; }

/* --- Network card ---------------------------------------------------------------------------------------- */

static void drop_frame(void *user, const uint8_t *frame, size_t size) { (void)user, (void)frame, (void)size; }

static bool prepare_net(struct vm_exercise *e)
{
    static const uint8_t mac[6] = {2};
    bool sends = e->path == VM_PATH_NET_TX;
    if (e->amount > MAX_FRAME || vm_attach_net(e->vm, mac, drop_frame, NULL, NULL) != 0)
        return false;
    start_device(e->vm, 2);
    describe(e->vm, sends, 0, BUFFERS, NET_HEADER + e->amount, !sends, false);
    return true;
}

static bool send_frame(struct vm_exercise *e) { return submit(e, 1); }

static bool receive_frame(struct vm_exercise *e)
{
    offer(e, 0);
    return vm_net_receive(e->vm, 0, e->host, e->amount) == 1 && returned(e, 0);
}

/* --- Display --------------------------------------------------------------------------------------------- */

static bool command(struct vm_exercise *e, uint32_t type, const uint32_t *words, uint32_t count)
{
    uint8_t *request = e->vm->ram + (OTHER - RAM_BASE);
    memset(request, 0, 24);
    memcpy(request, &type, sizeof type);
    memcpy(request + 24, words, 4 * (size_t)count);
    describe(e->vm, 0, 0, OTHER, 24 + 4 * (uint64_t)count, false, true);
    describe(e->vm, 0, 1, OTHER + 256, 24, true, false);
    return submit(e, 0) && request[256] == 0 && request[257] == 0x11;
}

static bool prepare_display(struct vm_exercise *e)
{
    uint32_t rows = (uint32_t)e->amount, size = WIDTH * PIXEL * rows;
    const uint32_t create[] = {1, 2, WIDTH, rows}, scanout[] = {0, 0, WIDTH, rows, 0, 1};
    const uint32_t backing[] = {1, 1, (uint32_t)BUFFERS, 0, size, 0};
    if (vm_attach_display(e->vm, WIDTH, rows) != 0)
        return false;
    start_device(e->vm, 2);
    return command(e, 0x101, create, 4) && command(e, 0x106, backing, 6) && command(e, 0x103, scanout, 6);
}

static bool blit(struct vm_exercise *e)
{
    uint32_t rows = (uint32_t)e->amount;
    const uint32_t transfer[] = {BLIT_X, 0, BLIT_WIDTH, rows, BLIT_X * PIXEL, 0, 1, 0};
    const uint32_t flush[] = {BLIT_X, 0, BLIT_WIDTH, rows, 1, 0};
    return command(e, 0x105, transfer, 8) && command(e, 0x104, flush, 6);
}

/* --- Copy on write, snapshots, migration, hypercall ------------------------------------------------------- */

static bool prepare_pages(struct vm_exercise *e)
{
    memset(e->vm->ram + (FIRST_PAGE << PAGE_SHIFT), 0x5a, e->amount << PAGE_SHIFT);
    return true;
}

static bool prepare_fork(struct vm_exercise *e)
{
    char error[256];
    e->child = prepare_pages(e) ? vm_create(&e->vm->config, error, sizeof error) : NULL;
    return e->child && vm_fork(e->vm, e->child) == 0;
}

/* Pages that the child has copied are made shared again, and copied at its next write. */
static bool copy_on_write(struct vm_exercise *e)
{
    struct vm *child = e->child;
    for (uint64_t page = FIRST_PAGE; page < FIRST_PAGE + e->amount; page++) {
        child->shared_pages += !(child->page_flags[page] & PAGE_HOOK_READ);
        child->page_flags[page] |= PAGE_HOOK_READ | PAGE_HOOK_WRITE;
        if (!vm_ram_at(child, RAM_BASE + (page << PAGE_SHIFT), 1, ACCESS_WRITE))
            return false;
    }
    return true;
}

static bool save_run(struct vm_exercise *e)
{
    vm_copy(e->vm, e->path, e->host, e->vm->ram + (FIRST_PAGE << PAGE_SHIFT), e->amount << PAGE_SHIFT);
    return true;
}

static bool restore_run(struct vm_exercise *e)
{
    vm_copy(e->vm, e->path, e->vm->ram + (FIRST_PAGE << PAGE_SHIFT), e->host, e->amount << PAGE_SHIFT);
    return true;
}

/* Behind a piece's header and page numbers, where the bytes lie at no page's start. */
static uint8_t *piece_bytes(const struct vm_exercise *e) { return e->host + 32 + 8 * e->amount; }

static bool send_pages(struct vm_exercise *e)
{
    for (uint64_t i = 0; i < e->amount; i++)
        vm_copy(e->vm, e->path, piece_bytes(e) + (i << PAGE_SHIFT), e->vm->ram + ((FIRST_PAGE + i) << PAGE_SHIFT), PAGE_SIZE);
    return true;
}

static bool receive_pages(struct vm_exercise *e)
{
    for (uint64_t i = 0; i < e->amount; i++) {
        uint8_t *to = vm_ram_at(e->vm, RAM_BASE + ((FIRST_PAGE + i) << PAGE_SHIFT), PAGE_SIZE, ACCESS_WRITE);
        vm_copy(e->vm, e->path, to, piece_bytes(e) + (i << PAGE_SHIFT), PAGE_SIZE);
    }
    return true;
}

static bool nothing_to_prepare(struct vm_exercise *e) { return e != NULL; }

static bool copy_for_guest(struct vm_exercise *e)
{
    return guest_copy(e->vm, OTHER + e->destination, BUFFERS + e->source, e->amount);
}

static const struct exercise kinds[VM_PATH_COUNT] = {
    [VM_PATH_DMA_READ] = {prepare_disk, move_disk, 1},
    [VM_PATH_DMA_WRITE] = {prepare_disk, move_disk, 1},
    [VM_PATH_NET_RX] = {prepare_net, receive_frame, 1},
    [VM_PATH_NET_TX] = {prepare_net, send_frame, 1},
    [VM_PATH_PAGE_COW] = {prepare_fork, copy_on_write, PAGE_SIZE},
    [VM_PATH_SNAPSHOT_SAVE] = {prepare_pages, save_run, PAGE_SIZE},
    [VM_PATH_SNAPSHOT_RESTORE] = {prepare_pages, restore_run, PAGE_SIZE},
    [VM_PATH_MIGRATE_SEND] = {prepare_pages, send_pages, PAGE_SIZE},
    [VM_PATH_MIGRATE_RECEIVE] = {prepare_pages, receive_pages, PAGE_SIZE},
    [VM_PATH_FRAMEBUFFER_BLIT] = {prepare_display, blit, WIDTH * PIXEL},
    [VM_PATH_GUEST_COPY] = {nothing_to_prepare, copy_for_guest, 1},
};

void vm_exercise_destroy(struct vm_exercise *e)
{
    if (!e)
        return;
    vm_destroy(e->child);
    vm_destroy(e->vm);
    free(e->host);
    free(e);
}

struct vm_exercise *vm_exercise_create(enum vm_path path, uint64_t amount, uint32_t source, uint32_t destination,
                                       const char *disk)
{
    static const struct vm_config config = {.ram_size = RAM, .harts = 1, .tlb_entries = 16, .block_cache = 64,
                                            .ticks_divisor = 10, .clock = VM_CLOCK_INSTRUCTIONS};
    char error[256];
    if ((unsigned)path >= VM_PATH_COUNT || amount == 0 || amount > MOST / kinds[path].unit || source >= PAGE_SIZE ||
        destination >= PAGE_SIZE)
        return NULL;
    struct vm_exercise *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    *e = (struct vm_exercise){.kind = &kinds[path], .path = path, .amount = amount, .source = source,
                              .destination = destination, .disk = disk,
                              .host = aligned_alloc(PAGE_SIZE, MOST + 16 * PAGE_SIZE)};
    e->vm = e->host ? vm_create(&config, error, sizeof error) : NULL;
    if (e->vm) {
        memset(e->host, 0xa5, amount * kinds[path].unit + PAGE_SIZE);
        if (e->kind->prepare(e))
            return e;
    }
    vm_exercise_destroy(e);
    return NULL;
}

double vm_exercise_time(struct vm_exercise *e, uintptr_t copy, uint64_t times)
{
    struct timespec start, end;
    bool good = true;
    vm_path_set(e->child ? e->child : e->vm, e->path, copy);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; i < times && good; i++)
        good = e->kind->once(e);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ns = 1e9 * (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec);
    return good ? ns : -1;
}
