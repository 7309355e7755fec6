/* virtio block device (virtio 1.2, section 5.2) over a file that is mapped into memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/virtio_api.h"

#define ID 2
#define SECTOR 512
#define HEADER 16
#define IDENTIFIER 20
#define SEGMENTS_OFFSET 12  /* of seg_max in the configuration */
#define DEFAULT_SPLIT 4096

enum { F_SEG_MAX = 1 << 2, F_READ_ONLY = 1 << 5, F_FLUSH = 1 << 9 };
enum { REQUEST_IN = 0, REQUEST_OUT = 1, REQUEST_FLUSH = 4, REQUEST_ID = 8 };
enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_UNSUPPORTED = 2 };

struct disk {
    uint8_t *bytes;
    uint64_t size;
    bool read_only;
    uint32_t split;
};

struct request {
    uint32_t type, reserved;
    uint64_t sector;
};

/* The bytes of the disk that a transfer is about; NULL where it leaves the disk. */
static uint8_t *extent(const struct disk *d, uint64_t sector, uint64_t n)
{
    uint64_t sectors = d->size / SECTOR;
    if (n % SECTOR || sector > sectors || n / SECTOR > sectors - sector)
        return NULL;
    return d->bytes + sector * SECTOR;
}

static uint8_t read_sectors(struct virtio *v, struct virtqueue *q, uint64_t sector, uint64_t *written)
{
    const struct disk *d = v->state;
    uint64_t n = v->chain.writable - 1;
    const uint8_t *from = extent(d, sector, n);
    if (!from)
        return STATUS_ERROR;
    *written = chain_write(v->vm, q, &v->chain, 0, from, n, (struct movement){VM_PATH_DMA_WRITE, d->split});
    return *written == n ? STATUS_OK : STATUS_ERROR;
}

static uint8_t write_sectors(struct virtio *v, struct virtqueue *q, uint64_t sector)
{
    const struct disk *d = v->state;
    uint64_t n = v->chain.readable - HEADER;
    uint8_t *to = extent(d, sector, n);
    if (!to || d->read_only)
        return STATUS_ERROR;
    return chain_read(v->vm, q, &v->chain, HEADER, to, n, (struct movement){VM_PATH_DMA_READ, d->split}) == n
               ? STATUS_OK
               : STATUS_ERROR;
}

static uint8_t flush(const struct disk *d)
{
    return d->read_only || d->size == 0 || msync(d->bytes, d->size, MS_SYNC) == 0 ? STATUS_OK : STATUS_ERROR;
}

static uint8_t identify(struct virtio *v, struct virtqueue *q, uint64_t *written)
{
    static const char name[IDENTIFIER] = "crossover-disk";
    *written = v->chain.writable - 1 < IDENTIFIER ? v->chain.writable - 1 : IDENTIFIER;
    return chain_write_header(v->vm, q, &v->chain, 0, name, *written) ? STATUS_OK : STATUS_ERROR;
}

static void serve(struct virtio *v, struct virtqueue *q)
{
    struct request request = {0};
    uint64_t written = 0;
    uint8_t status = STATUS_UNSUPPORTED;
    if (v->chain.writable == 0 || !chain_read_header(v->vm, q, &v->chain, 0, &request, HEADER)) {
        q->broken = true;  /* no header, or no room for the status */
        return;
    }
    switch (request.type) {
    case REQUEST_IN: status = read_sectors(v, q, request.sector, &written); break;
    case REQUEST_OUT: status = write_sectors(v, q, request.sector); break;
    case REQUEST_FLUSH: status = flush(v->state); break;
    case REQUEST_ID: status = identify(v, q, &written); break;
    default: break;
    }
    if (chain_write_header(v->vm, q, &v->chain, v->chain.writable - 1, &status, 1))
        virtio_return(v, 0, written + 1);
}

static void notify(struct virtio *v, uint32_t queue)
{
    while (virtio_take(v, queue))
        serve(v, &v->queues[queue]);
}

static void disk_free(struct disk *d)
{
    if (d->bytes)
        munmap(d->bytes, d->size);
    free(d);
}

static void destroy(struct virtio *v) { disk_free(v->state); }

static const struct virtio_kind block = {.name = "virtio-block", .id = ID, .notify = notify, .destroy = destroy};

static bool map_file(struct disk *d, int file)
{
    struct stat facts;
    if (fstat(file, &facts) != 0)
        return false;
    d->size = (uint64_t)facts.st_size / SECTOR * SECTOR;
    if (d->size == 0) {
        errno = EINVAL;
        return false;
    }
    int protection = PROT_READ | (d->read_only ? 0 : PROT_WRITE);
    void *mapped = mmap(NULL, d->size, protection, MAP_SHARED, file, 0);
    d->bytes = mapped == MAP_FAILED ? NULL : mapped;
    return d->bytes != NULL;
}

static struct disk *open_disk(struct vm *vm, const char *path, bool read_only)
{
    struct disk *d = calloc(1, sizeof *d);
    int file = d ? open(path, read_only ? O_RDONLY : O_RDWR) : -1;
    if (d)
        *d = (struct disk){.read_only = read_only, .split = DEFAULT_SPLIT};
    if (file < 0 || !map_file(d, file)) {
        const char *why = errno == EINVAL ? "it holds no whole sector of 512 bytes" : strerror(errno);
        vm_fail(vm, "disk %s cannot be used: %s", path, why);
        free(d);
        d = NULL;
    }
    if (file >= 0)
        close(file);
    return d;
}

int vm_attach_block(struct vm *vm, const char *path, int read_only)
{
    struct disk *d = open_disk(vm, path, read_only != 0);
    if (!d)
        return -1;
    uint64_t sectors = d->size / SECTOR;
    uint32_t segments = QUEUE_MAX - 2;
    struct virtio *v = virtio_attach(vm, &block, F_SEG_MAX | F_FLUSH | (read_only ? F_READ_ONLY : 0), 1, d);
    if (!v)
        return -1;
    memcpy(v->config, &sectors, sizeof sectors);
    memcpy(v->config + SEGMENTS_OFFSET, &segments, sizeof segments);
    return (int)virtio_slot(v);
}

int vm_block_set_split(struct vm *vm, uint32_t slot, uint32_t bytes)
{
    struct virtio *v = virtio_at(vm, slot, &block);
    if (!v) {
        vm_fail(vm, "there is no disk in slot %u", slot);
        return -1;
    }
    ((struct disk *)v->state)->split = bytes;
    return 0;
}
