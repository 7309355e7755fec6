/* Snapshots: a header, the state, a table of runs of pages, and behind a page boundary the pages themselves.

   A full snapshot holds every page that is not zero; an incremental one those written since the snapshot it names as its
   base. Numbers are little-endian. */
#include <stdlib.h>
#include <time.h>

#include "vm/checksum.h"
#include "vm/hart.h"
#include "vm/machine_state.h"
#include "vm/state_api.h"

#define MAGIC UINT64_C(0x50414e53564f5258)  /* "XROVSNAP" */
#define HEADER_WORDS 9
#define HEADER_SIZE (8 * HEADER_WORDS)
#define RUN_SIZE 16

/* In the order in which they stand in the image. */
struct header {
    uint64_t magic, version, checksum, id, base, ram_size, state_size, runs, pages;
};

struct run {
    uint64_t first, count;  /* pages */
};

struct runs {
    struct run *entries;
    uint64_t count, capacity, pages;
    bool failed;
};

/* An image whose header, checksum and bounds have been checked. */
struct view {
    struct header header;
    const uint8_t *state, *runs, *pages;
};

void vm_image_free(struct vm_image *image)
{
    free(image->bytes);
    *image = (struct vm_image){0};
}

void vm_snapshot_set_gap(struct vm *vm, uint32_t pages) { vm->snapshot_gap = pages; }

static void add_page(struct runs *r, uint64_t page, uint64_t gap)
{
    struct run *last = r->count ? &r->entries[r->count - 1] : NULL;
    if (last && page - (last->first + last->count) <= gap) {
        r->pages += page + 1 - (last->first + last->count);
        last->count = page + 1 - last->first;
        return;
    }
    if (r->count == r->capacity) {
        uint64_t capacity = 2 * r->capacity + 64;
        struct run *entries = realloc(r->entries, capacity * sizeof *entries);
        r->failed |= !entries;
        if (!entries)
            return;
        r->entries = entries;
        r->capacity = capacity;
    }
    r->entries[r->count++] = (struct run){page, 1};
    r->pages++;
}

static bool page_is_zero(const struct vm *vm, uint64_t page)
{
    return vm->zero_scan(vm->ram + (page << PAGE_SHIFT), PAGE_SIZE) != 0;
}

static struct runs find_runs(const struct vm *vm, bool incremental)
{
    struct runs found = {0};
    uint64_t pages = vm->ram_size >> PAGE_SHIFT;
    for (uint64_t page = 0; page < pages && !found.failed; page++) {
        if (incremental && vm->dirty[page / 64] == 0) {
            page |= 63;
            continue;
        }
        if (incremental ? vm->dirty[page / 64] >> page % 64 & 1 : !page_is_zero(vm, page))
            add_page(&found, page, incremental ? vm->snapshot_gap : 0);
    }
    return found;
}

static uint64_t pages_offset(uint64_t state_size, uint64_t runs)
{
    return (HEADER_SIZE + state_size + runs * RUN_SIZE + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* Distinct for every snapshot: what it holds, and when it was taken. */
static uint64_t new_id(uint64_t sum)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t words[] = {sum, (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec};
    return checksum(CHECKSUM_START, words, sizeof words) | 1;
}

static uint64_t image_sum(const struct vm_image *image)
{
    uint64_t skip = 3 * sizeof(uint64_t);  /* magic, version and the checksum itself */
    return checksum(CHECKSUM_START, image->bytes + skip, image->size - skip);
}

static void put_words(uint8_t *at, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 8; byte++)
            at[8 * i + byte] = (uint8_t)(words[i] >> 8 * byte);
}

static uint64_t get_word(const uint8_t *at)
{
    uint64_t value = 0;
    for (unsigned byte = 0; byte < 8; byte++)
        value |= (uint64_t)at[byte] << 8 * byte;
    return value;
}

static void copy_runs(struct vm *vm, const struct runs *runs, uint8_t *table, uint8_t *pages)
{
    for (uint64_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->entries[i];
        put_words(table + i * RUN_SIZE, (const uint64_t[]){run->first, run->count}, 2);
        vm_copy(vm, VM_PATH_SNAPSHOT_SAVE, pages, vm->ram + (run->first << PAGE_SHIFT), run->count << PAGE_SHIFT);
        pages += run->count << PAGE_SHIFT;
    }
}

static bool build(struct vm *vm, bool incremental, const struct stream *state, const struct runs *runs,
                  struct vm_image *image)
{
    uint64_t offset = pages_offset(state->size, runs->count);
    image->size = offset + (runs->pages << PAGE_SHIFT);
    image->bytes = aligned_alloc(PAGE_SIZE, (image->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
    if (!image->bytes)
        return false;
    memset(image->bytes, 0, offset);
    memcpy(image->bytes + HEADER_SIZE, state->bytes, state->size);
    copy_runs(vm, runs, image->bytes + HEADER_SIZE + state->size, image->bytes + offset);
    struct header header = {MAGIC, VM_SNAPSHOT_VERSION, 0, 0, incremental ? vm->snapshot_id : 0,
                            vm->ram_size, state->size, runs->count, runs->pages};
    header.id = new_id(checksum(CHECKSUM_START, state->bytes, state->size));
    put_words(image->bytes, (const uint64_t *)(const void *)&header, HEADER_WORDS);
    header.checksum = image_sum(image);
    put_words(image->bytes, (const uint64_t *)(const void *)&header, HEADER_WORDS);
    vm_dirty_clear(vm);
    vm->snapshot_id = header.id;
    return true;
}

int vm_snapshot_save(struct vm *vm, int incremental, struct vm_image *image)
{
    *image = (struct vm_image){0};
    if (incremental && !vm->snapshot_id) {
        vm_fail(vm, "there is no snapshot to build on since dirty pages were last cleared: take a full one first");
        return -1;
    }
    struct stream state = {0};
    vm_unshare(vm);
    machine_state_save(vm, &state);
    struct runs runs = find_runs(vm, incremental);
    bool built = !state.failed && !runs.failed && build(vm, incremental, &state, &runs, image);
    if (!built)
        vm_fail(vm, "no memory is left for a snapshot");
    stream_free(&state);
    free(runs.entries);
    return built ? 0 : -1;
}

/* NULL where the header fits the image, else what is wrong. */
static const char *header_problem(const struct header *h, const struct vm_image *image)
{
    if (image->size < HEADER_SIZE || h->magic != MAGIC)
        return "it is no snapshot";
    if (h->version != VM_SNAPSHOT_VERSION)
        return "it is of another version of the format";
    uint64_t room = image->size - HEADER_SIZE;
    if (h->state_size > room || h->runs > room / RUN_SIZE || h->pages > room >> PAGE_SHIFT)
        return "it is cut off";
    if (pages_offset(h->state_size, h->runs) + (h->pages << PAGE_SHIFT) != image->size)
        return "it is cut off";
    return h->checksum == image_sum(image) ? NULL : "its checksum is wrong: it was altered";
}

static bool runs_inside(const struct view *v)
{
    uint64_t pages = v->header.ram_size >> PAGE_SHIFT, end = 0, total = 0;
    for (uint64_t i = 0; i < v->header.runs; i++) {
        uint64_t first = get_word(v->runs + i * RUN_SIZE), count = get_word(v->runs + i * RUN_SIZE + 8);
        if (first < end || first > pages || count == 0 || count > pages - first)
            return false;
        end = first + count;
        total += count;
    }
    return total == v->header.pages;
}

static bool open_image(struct vm *vm, const struct vm_image *image, uint64_t base, struct view *v)
{
    uint64_t *words = (uint64_t *)(void *)&v->header;
    for (size_t i = 0; i < HEADER_WORDS; i++)
        words[i] = image->size >= HEADER_SIZE ? get_word(image->bytes + 8 * i) : 0;
    const char *problem = header_problem(&v->header, image);
    if (!problem) {
        v->state = image->bytes + HEADER_SIZE;
        v->runs = v->state + v->header.state_size;
        v->pages = image->bytes + pages_offset(v->header.state_size, v->header.runs);
        if (v->header.ram_size != vm->ram_size)
            problem = "it is of a machine with another amount of RAM";
        else if (v->header.base != base)
            problem = base ? "it does not build on the one before it" : "it is incremental: give the full one first";
        else if (!runs_inside(v))
            problem = "its pages lie outside RAM";
    }
    if (problem)
        vm_fail(vm, "the snapshot is refused: %s", problem);
    return !problem;
}

static void restore_pages(struct vm *vm, const struct view *v)
{
    const uint8_t *pages = v->pages;
    for (uint64_t i = 0; i < v->header.runs; i++) {
        uint64_t first = get_word(v->runs + i * RUN_SIZE), size = get_word(v->runs + i * RUN_SIZE + 8) << PAGE_SHIFT;
        vm_copy(vm, VM_PATH_SNAPSHOT_RESTORE, vm->ram + (first << PAGE_SHIFT), pages, size);
        pages += size;
    }
}

int vm_snapshot_restore(struct vm *vm, const struct vm_image *images, size_t count)
{
    struct view *views = calloc(count ? count : 1, sizeof *views);
    bool good = views && count;
    if (!good)
        vm_fail(vm, views ? "there is no snapshot to restore" : "no memory is left to restore a snapshot");
    for (size_t i = 0; good && i < count; i++)
        good = open_image(vm, &images[i], i ? views[i - 1].header.id : 0, &views[i]);
    if (good) {
        struct stream state = {.bytes = (uint8_t *)(uintptr_t)views[count - 1].state,
                               .size = views[count - 1].header.state_size};
        good = machine_state_replace(vm, &state);
    }
    if (good) {
        vm_unshare(vm);
        ram_clear(vm);
        for (size_t i = 0; i < count; i++)
            restore_pages(vm, &views[i]);
        vm_ram_changed(vm);
        vm_dirty_clear(vm);
        vm->snapshot_id = views[count - 1].header.id;
    }
    free(views);
    return good ? 0 : -1;
}

uint64_t vm_state_hash(struct vm *vm)
{
    struct stream state = {0};
    vm_unshare(vm);
    machine_state_save(vm, &state);
    uint64_t sum = checksum(CHECKSUM_START, vm->ram, vm->ram_size);
    sum = state.failed ? 0 : checksum(sum, state.bytes, state.size);
    stream_free(&state);
    return sum;
}
