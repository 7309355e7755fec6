/* virtio block device (virtio 1.2, section 5.2): a mapped host file, or memory of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/virtio_api.h"

#define SECTOR 512
#define DEFAULT_SPLIT 4096
#define ID_SIZE 20
#define SEGMENTS_FOR_DATA (CHAIN_MAX_SEGMENTS - 2)  /* the header and the status take one each */

#define FEATURE_SEG_MAX ((uint64_t)1 << 2)
#define FEATURE_READ_ONLY ((uint64_t)1 << 5)
#define FEATURE_BLOCK_SIZE ((uint64_t)1 << 6)
#define FEATURE_FLUSH ((uint64_t)1 << 9)

enum config_field { CONFIG_CAPACITY = 0, CONFIG_SEG_MAX = 12, CONFIG_BLOCK_SIZE = 20 };
enum request_type { REQUEST_IN = 0, REQUEST_OUT = 1, REQUEST_FLUSH = 4, REQUEST_GET_ID = 8 };
enum request_status { STATUS_OK = 0, STATUS_IO_ERROR = 1, STATUS_UNSUPPORTED = 2 };

struct request_header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct block {
    uint8_t *bytes;
    uint64_t size;       /* whole sectors */
    uint64_t mapped;     /* bytes of the mapping */
    bool in_file, read_only;
    uint32_t dma_split;  /* as vm_block_set_split has it */
};

static const struct virtio_kind block_kind;

/* --- Requests ------------------------------------------------------------------------------------------- */

static bool in_disk(const struct block *b, uint64_t sector, uint64_t length)
{
    return length % SECTOR == 0 && sector <= b->size / SECTOR && length <= b->size - sector * SECTOR;
}

static enum request_status disk_to_guest(struct virtio *d, uint64_t sector, struct cursor *data, uint64_t length)
{
    const struct block *b = d->state;
    return in_disk(b, sector, length) && cursor_write(d->vm, VM_PATH_DMA_WRITE, data, b->bytes + sector * SECTOR,
                                                      length, b->dma_split) ? STATUS_OK : STATUS_IO_ERROR;
}

static enum request_status guest_to_disk(struct virtio *d, uint64_t sector, struct cursor *data, uint64_t length)
{
    const struct block *b = d->state;
    return !b->read_only && in_disk(b, sector, length) &&
           cursor_read(d->vm, VM_PATH_DMA_READ, data, b->bytes + sector * SECTOR, length, b->dma_split)
           ? STATUS_OK : STATUS_IO_ERROR;
}

static enum request_status flush(const struct block *b)
{
    return !b->in_file || b->read_only || msync(b->bytes, b->mapped, MS_SYNC) == 0 ? STATUS_OK : STATUS_IO_ERROR;
}

static enum request_status send_id(struct virtio *d, struct cursor *data, uint64_t length)
{
    char id[ID_SIZE] = {0};
    snprintf(id, sizeof id, "crossover-disk-%u", d->slot);
    return length >= sizeof id && cursor_write_fields(d->vm, data, id, sizeof id) ? STATUS_OK : STATUS_IO_ERROR;
}

/* Serves one request; `written` counts the bytes that the guest gets besides the status. False where even header or
   status have no place. */
static bool serve(struct virtio *d, const struct chain *chain, uint32_t *written)
{
    struct request_header header;
    struct cursor reader = chain_reader(chain), writer = chain_writer(chain), last = writer;
    uint64_t out = chain_readable_bytes(chain), in = chain_writable_bytes(chain);
    uint8_t status = STATUS_UNSUPPORTED;
    *written = 0;
    if (out < sizeof header || in < sizeof status || !cursor_read_fields(d->vm, &reader, &header, sizeof header))
        return false;
    out -= sizeof header;
    in -= sizeof status;
    switch (header.type) {
    case REQUEST_IN:
        status = disk_to_guest(d, header.sector, &writer, in);
        *written = status == STATUS_OK ? (uint32_t)in : 0;
        break;
    case REQUEST_OUT: status = guest_to_disk(d, header.sector, &reader, out); break;
    case REQUEST_FLUSH: status = flush(d->state); break;
    case REQUEST_GET_ID:
        status = send_id(d, &writer, in);
        *written = status == STATUS_OK ? ID_SIZE : 0;
        break;
    default: break;
    }
    *written += sizeof status;
    return cursor_skip(&last, in) && cursor_write_fields(d->vm, &last, &status, sizeof status);
}

static void block_notify(struct virtio *d, uint32_t queue)
{
    struct chain chain;
    uint32_t written;
    while (virtio_take(d, queue, &chain)) {
        if (!serve(d, &chain, &written)) {
            virtio_fail(d);
            return;
        }
        virtio_give(d, queue, &chain, written);
    }
}

/* --- State ---------------------------------------------------------------------------------------------- */

static void block_free(struct block *b)
{
    if (b && b->bytes)
        munmap(b->bytes, b->mapped);
    free(b);
}

static void block_destroy(struct virtio *d) { block_free(d->state); }

/* A file's content is the host's and stays out of the stream. */
static void block_save(struct virtio *d, struct stream *to)
{
    const struct block *b = d->state;
    stream_write_u64(to, b->size);
    stream_write_u64(to, b->in_file);
    stream_write_u64(to, b->read_only);
    stream_write_u64(to, b->dma_split);
    if (!b->in_file)
        stream_write(to, b->bytes, b->size);
}

static bool block_load(struct virtio *d, struct stream *from)
{
    struct block *b = d->state;
    bool same = stream_read_u64(from) == b->size;
    same &= stream_read_u64(from) == b->in_file;
    same &= stream_read_u64(from) == b->read_only;
    uint64_t split = stream_read_u64(from);
    if (!same || split > UINT32_MAX)
        return false;
    b->dma_split = (uint32_t)split;
    if (!b->in_file)
        stream_read(from, b->bytes, b->size);
    return !from->failed;
}

static const struct virtio_kind block_kind = {
    .name = "virtio-block", .id = VIRTIO_BLOCK, .queues = 1, .notify = block_notify, .destroy = block_destroy,
    .features = FEATURE_SEG_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH, .save = block_save, .load = block_load,
};

/* --- Attaching ------------------------------------------------------------------------------------------ */

static int attach(struct vm *vm, struct block *b)
{
    struct virtio *d = virtio_attach(vm, &block_kind, b->read_only ? FEATURE_READ_ONLY : 0, b);
    if (!d) {
        block_free(b);
        return -1;
    }
    virtio_config_set(d, CONFIG_CAPACITY, 8, b->size / SECTOR);
    virtio_config_set(d, CONFIG_SEG_MAX, 4, SEGMENTS_FOR_DATA);
    virtio_config_set(d, CONFIG_BLOCK_SIZE, 4, SECTOR);
    return (int)d->slot;
}

/* A disk over `size` bytes of a file, or of new memory where `file` is -1. */
static struct block *block_create(struct vm *vm, int file, uint64_t size, bool read_only)
{
    struct block *b = calloc(1, sizeof *b);
    int protection = file >= 0 && read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    int flags = file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *bytes = b ? mmap(NULL, size, protection, flags, file, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED) {
        vm_fail(vm, "a disk of %llu bytes cannot be mapped: %s", (unsigned long long)size, strerror(errno));
        free(b);
        return NULL;
    }
    *b = (struct block){.bytes = bytes, .size = size / SECTOR * SECTOR, .mapped = size, .in_file = file >= 0,
                        .read_only = read_only, .dma_split = DEFAULT_SPLIT};
    return b;
}

int vm_attach_block(struct vm *vm, const char *path, int read_only)
{
    struct stat about;
    int file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (file < 0 || fstat(file, &about) != 0) {
        vm_fail(vm, "disk image %s cannot be opened: %s", path, strerror(errno));
        if (file >= 0)
            close(file);
        return -1;
    }
    struct block *b = NULL;
    if (!S_ISREG(about.st_mode) || about.st_size < SECTOR)
        vm_fail(vm, "disk image %s is no file of at least one sector of 512 bytes", path);
    else
        b = block_create(vm, file, (uint64_t)about.st_size, read_only != 0);
    close(file);
    return b ? attach(vm, b) : -1;
}

int vm_attach_block_memory(struct vm *vm, const uint8_t *bytes, uint64_t size, int read_only)
{
    if (size < SECTOR) {
        vm_fail(vm, "a disk holds at least one sector of 512 bytes, not %llu", (unsigned long long)size);
        return -1;
    }
    struct block *b = block_create(vm, -1, size, read_only != 0);
    if (b && bytes)
        memcpy(b->bytes, bytes, size);
    return b ? attach(vm, b) : -1;
}

uint8_t *vm_block_bytes(struct vm *vm, uint32_t slot, uint64_t *size)
{
    const struct virtio *d = virtio_at(vm, slot, &block_kind);
    const struct block *b = d ? d->state : NULL;
    *size = b ? b->size : 0;
    return b ? b->bytes : NULL;
}

int vm_block_set_split(struct vm *vm, uint32_t slot, uint32_t bytes)
{
    struct virtio *d = virtio_at(vm, slot, &block_kind);
    if (!d) {
        vm_fail(vm, "slot %u holds no disk", slot);
        return -1;
    }
    ((struct block *)d->state)->dma_split = bytes;
    return 0;
}
