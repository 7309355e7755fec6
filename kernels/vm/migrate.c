/* Pre-copy migration. A piece is a header of four words (magic, kind and count, checksum, size of the rest) and then

     pages  per page its number, with the top bit set where it is all zero and no bytes follow; then the pages' bytes
     state  the machine's state

   The sender keeps a bitmap of what it has yet to send in this round; a further round begins with what became dirty. */
#include <stdlib.h>

#include "vm/checksum.h"
#include "vm/hart.h"
#include "vm/machine_state.h"
#include "vm/state_api.h"

#define MAGIC UINT64_C(0x4752494d564f5258)  /* "XROVMIGR" */
#define HEADER_SIZE 32
#define ZERO_PAGE ((uint64_t)1 << 63)
#define KIND_SHIFT 56

enum kind { KIND_PAGES = 1, KIND_STATE = 2 };

static uint64_t page_count(const struct vm *vm) { return vm->ram_size >> PAGE_SHIFT; }
static uint64_t bitmap_words(const struct vm *vm) { return (page_count(vm) + 63) / 64; }

int vm_migrate_begin(struct vm *vm)
{
    free(vm->to_send);
    vm->to_send = malloc(bitmap_words(vm) * sizeof *vm->to_send);
    if (!vm->to_send) {
        vm_fail(vm, "no memory is left to migrate");
        return -1;
    }
    vm_unshare(vm);
    memset(vm->to_send, 0xff, bitmap_words(vm) * sizeof *vm->to_send);
    vm->send_at = 0;
    vm_dirty_clear(vm);
    return 0;
}

uint64_t vm_migrate_round(struct vm *vm)
{
    uint64_t pages = 0;
    if (!vm->to_send)
        return 0;
    for (uint64_t word = 0; word < bitmap_words(vm); word++) {
        vm->to_send[word] |= vm->dirty[word];
        pages += (uint64_t)__builtin_popcountll(vm->to_send[word]);
    }
    vm->send_at = 0;
    vm_dirty_clear(vm);
    return pages;
}

static bool take_next(struct vm *vm, uint64_t *page)
{
    for (; vm->send_at < page_count(vm); vm->send_at++) {
        uint64_t bit = (uint64_t)1 << vm->send_at % 64;
        if (vm->to_send[vm->send_at / 64] & bit) {
            vm->to_send[vm->send_at / 64] &= ~bit;
            *page = vm->send_at++;
            return true;
        }
    }
    return false;
}

static void finish_piece(struct stream *piece, enum kind kind, uint64_t count)
{
    struct stream header = {0};
    if (piece->failed)
        return;
    uint64_t size = piece->size - HEADER_SIZE;
    stream_write_u64(&header, MAGIC);
    stream_write_u64(&header, (uint64_t)kind << KIND_SHIFT | count);
    stream_write_u64(&header, checksum(CHECKSUM_START + (uint64_t)kind + count, piece->bytes + HEADER_SIZE, size));
    stream_write_u64(&header, size);
    piece->failed |= header.failed;
    if (!piece->failed)
        memcpy(piece->bytes, header.bytes, HEADER_SIZE);
    stream_free(&header);
}

static int give(struct vm *vm, struct stream *piece, struct vm_image *image)
{
    if (piece->failed) {
        stream_free(piece);
        vm_fail(vm, "no memory is left for a piece of the migration");
        return -1;
    }
    *image = (struct vm_image){piece->bytes, piece->size};
    return 0;
}

/* The numbers of the next pages, zero ones marked; returns how many, of them `filled` with bytes to follow. */
static uint64_t number_pages(struct vm *vm, struct stream *piece, uint32_t batch, uint64_t *filled)
{
    uint64_t page, count = 0;
    while (count < batch && take_next(vm, &page)) {
        bool zero = vm->zero_scan(vm->ram + (page << PAGE_SHIFT), PAGE_SIZE);
        stream_write_u64(piece, page | (zero ? ZERO_PAGE : 0));
        *filled += !zero;
        count++;
    }
    return count;
}

static void append_pages(struct vm *vm, struct stream *piece, uint64_t count, uint64_t filled)
{
    uint8_t *room = stream_extend(piece, filled << PAGE_SHIFT);
    struct stream numbers = {.bytes = piece->bytes, .size = piece->size, .position = HEADER_SIZE};
    for (uint64_t i = 0; room && i < count; i++) {
        uint64_t entry = stream_read_u64(&numbers);
        if (entry & ZERO_PAGE)
            continue;
        vm_copy(vm, VM_PATH_MIGRATE_SEND, room, vm->ram + (entry << PAGE_SHIFT), PAGE_SIZE);
        room += PAGE_SIZE;
    }
}

int vm_migrate_piece(struct vm *vm, uint32_t batch, struct vm_image *image)
{
    struct stream piece = {0};
    uint64_t filled = 0;
    *image = (struct vm_image){0};
    if (!vm->to_send) {
        vm_fail(vm, "no migration has begun");
        return -1;
    }
    stream_extend(&piece, HEADER_SIZE);
    uint64_t count = number_pages(vm, &piece, batch, &filled);
    if (count == 0 && !piece.failed) {
        stream_free(&piece);
        return 0;
    }
    append_pages(vm, &piece, count, filled);
    finish_piece(&piece, KIND_PAGES, count);
    return give(vm, &piece, image);
}

int vm_migrate_finish(struct vm *vm, struct vm_image *image)
{
    struct stream piece = {0};
    *image = (struct vm_image){0};
    stream_extend(&piece, HEADER_SIZE);
    machine_state_save(vm, &piece);
    finish_piece(&piece, KIND_STATE, 0);
    free(vm->to_send);
    vm->to_send = NULL;
    return give(vm, &piece, image);
}

/* Every page is checked before any is written. */
static bool pages_sound(const struct vm *vm, struct stream piece, uint64_t count)
{
    uint64_t filled = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry = stream_read_u64(&piece);
        if (piece.failed || (entry & ~ZERO_PAGE) >= page_count(vm))
            return false;
        filled += !(entry & ZERO_PAGE);
    }
    return filled <= piece.size >> PAGE_SHIFT && piece.size - piece.position == filled << PAGE_SHIFT;
}

static void take_pages(struct vm *vm, struct stream *piece, uint64_t count)
{
    const uint8_t *bytes = piece->bytes + piece->position + 8 * count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry = stream_read_u64(piece), address = RAM_BASE + ((entry & ~ZERO_PAGE) << PAGE_SHIFT);
        uint8_t *to = vm_ram_at(vm, address, PAGE_SIZE, ACCESS_WRITE);
        if (entry & ZERO_PAGE) {
            if (!vm->zero_scan(to, PAGE_SIZE))
                memset(to, 0, PAGE_SIZE);
        } else {
            vm_copy(vm, VM_PATH_MIGRATE_RECEIVE, to, bytes, PAGE_SIZE);
            bytes += PAGE_SIZE;
        }
    }
}

int vm_migrate_receive(struct vm *vm, const uint8_t *bytes, size_t size)
{
    struct stream piece = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
    uint64_t magic = stream_read_u64(&piece), kind = stream_read_u64(&piece), sum = stream_read_u64(&piece);
    uint64_t length = stream_read_u64(&piece), count = kind & (((uint64_t)1 << KIND_SHIFT) - 1);
    kind >>= KIND_SHIFT;
    if (piece.failed || magic != MAGIC || length != size - HEADER_SIZE ||
        sum != checksum(CHECKSUM_START + kind + count, bytes + HEADER_SIZE, length)) {
        vm_fail(vm, "a piece of the migration is refused: it is cut off or was altered");
        return -1;
    }
    if (kind == KIND_STATE) {
        if (!machine_state_replace(vm, &piece))
            return -1;
        vm_ram_changed(vm);
        return 1;
    }
    if (kind != KIND_PAGES || !pages_sound(vm, piece, count)) {
        vm_fail(vm, "a piece of the migration is refused: its pages are not of this machine");
        return -1;
    }
    take_pages(vm, &piece, count);
    return 0;
}
