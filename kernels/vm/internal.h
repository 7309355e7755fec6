/* The machine from within: what the core and the devices share. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vm/vm.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE ((uint64_t)1 << PAGE_SHIFT)
#define RAM_BASE UINT64_C(0x80000000)
#define MAX_HARTS 8
#define MAX_DEVICES 32

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* What an access wants; also the index of the TLB that serves it. */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE, ACCESS_KINDS };

/* Flags of a page of RAM, one byte each. */
enum page_flag {
    PAGE_DIRTY = 1,       /* written since the last vm_dirty_clear */
    PAGE_CODE = 2,        /* decoded blocks come from it */
    PAGE_HOOK_READ = 4,   /* call page_hook before the page is read or executed */
    PAGE_HOOK_WRITE = 8   /* call page_hook before the page is written */
};

struct stream;

/* A device on the bus. Accesses are 1, 2, 4 or 8 bytes wide, naturally aligned and inside the device. */
struct device {
    const char *name;
    uint64_t base, size;
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned width);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned width);
    void (*reset)(void *opaque);    /* with the machine; may be NULL */
    void (*poll)(void *opaque);     /* between slices of a run, to look at the host; may be NULL */
    void (*destroy)(void *opaque);  /* with the machine; may be NULL */
    /* The device's state, for snapshots; the same device reads what it wrote. False: the bytes make no sense.
       May be NULL where there is no state. */
    void (*save)(void *opaque, struct stream *to);
    bool (*load)(void *opaque, struct stream *from);
    void *opaque;
    const char *compatible;  /* in the device tree; NULL: it is not listed as a simple device */
    uint32_t irq;            /* its line at the interrupt controller; 0: it has none */
    uint32_t clock_frequency;  /* in the device tree, Hz; 0: not told */
};

typedef void *(*copy_fn)(void *dst, const void *src, size_t n);

struct path {
    _Atomic(uintptr_t) copy;
    _Atomic(uint64_t) calls, bytes;
    uint64_t histogram[64];
    uint64_t deltas[64];
};

struct hart;
struct console;
struct elf_symbols;

struct sbi_result {
    int64_t error;
    uint64_t value;
};

struct vm {
    struct vm_config config;
    uint8_t *ram;
    uint64_t ram_size;
    uint8_t *page_flags;    /* one byte a page */
    uint64_t *dirty;        /* one bit a page */
    /* Called for a page with a hook flag that `write` concerns, before the access; clears the flag itself. */
    void (*page_hook)(struct vm *vm, uint64_t page, bool write);
    bool code_written;      /* a page with decoded code was written: FENCE.I must forget blocks */

    struct hart *harts[MAX_HARTS];
    uint32_t current_hart;

    struct device devices[MAX_DEVICES];
    uint32_t device_count;
    /* The PLIC's entry, set by the device; vm_set_irq goes through it. NULL: lines lead nowhere. */
    void (*irq_sink)(void *opaque, uint32_t line, bool level);
    void *irq_opaque;
    /* SBI extensions that the core does not know (the guest's arguments are h's a0..a5); false: not mine. */
    bool (*sbi_hook)(struct hart *h, uint64_t extension, uint64_t function, struct sbi_result *result);
    void *sbi_opaque;

    struct path paths[VM_PATH_COUNT];
    int (*zero_scan)(const void *bytes, size_t n);  /* whether all of them are zero */

    uint64_t snapshot_id;   /* the last snapshot, if the dirty bitmap counts from it; else 0 */
    uint32_t snapshot_gap;  /* clean pages between dirty ones that are written along */
    struct vm *parent, *children, *sibling;  /* forks that still share pages */
    uint64_t shared_pages;  /* not yet copied from the parent */
    uint64_t *to_send;      /* one bit a page: what this round of a migration has yet to send */
    uint64_t send_at;
    struct console *console;
    struct elf_symbols *symbols;

    uint64_t device_tree;
    uint64_t entry;
    enum vm_mode mode;
    uint64_t tohost, fromhost;  /* physical addresses; 0 where the ELF has none */

    uint64_t retired;       /* by all harts, at the start of the current slice */
    uint64_t clock_skip;    /* ticks that idle harts slept through (VM_CLOCK_INSTRUCTIONS) */
    uint64_t clock_start;   /* host time of tick 0, in ticks (VM_CLOCK_HOST) */
    uint64_t mtimecmp[MAX_HARTS];

    atomic_bool stop_requested;
    bool exited;
    uint64_t exit_code;
    char error[256];
};

/* --- Guest RAM ------------------------------------------------------------------------------------------ */

/* The host address of [address, address + length), or NULL unless all of it is RAM. For ACCESS_WRITE the pages
   are marked dirty; page hooks have run. The pointer is good until the guest or another hook runs. */
uint8_t *vm_ram_at(struct vm *vm, uint64_t address, uint64_t length, enum access access);
/* Marks pages of RAM as written, for writers who got their pointer otherwise. Outside RAM: ignored. */
void vm_mark_dirty(struct vm *vm, uint64_t address, uint64_t length);
/* Drops every host address that harts have cached: after changes of page_flags or of the RAM mapping. */
void vm_flush_host_addresses(struct vm *vm);

/* Zeros everywhere, given back to the system. */
void ram_clear(struct vm *vm);

/* --- Bulk paths ----------------------------------------------------------------------------------------- */

/* memcpy by the path's routine, counted. The ranges do not overlap. */
void vm_copy(struct vm *vm, enum vm_path path, void *dst, const void *src, size_t n);

/* A guest's own bulk copy between physical addresses; false where a range leaves RAM or they overlap. */
bool guest_copy(struct vm *vm, uint64_t to, uint64_t from, uint64_t size);

/* --- Bus and interrupts ----------------------------------------------------------------------------------*/

/* Puts a device on the bus; false (and vm->error) where it overlaps RAM or another or there are too many. */
bool vm_add_device(struct vm *vm, const struct device *device);
bool bus_read(struct vm *vm, uint64_t address, unsigned width, uint64_t *value);
bool bus_write(struct vm *vm, uint64_t address, uint64_t value, unsigned width);

/* Interrupt bits of mip. */
enum interrupt { IRQ_SSI = 1, IRQ_MSI = 3, IRQ_STI = 5, IRQ_MTI = 7, IRQ_SEI = 9, IRQ_MEI = 11 };

/* A device's line to the interrupt controller. */
void vm_set_irq(struct vm *vm, uint32_t line, bool level);
/* The interrupt controller's wire to a hart: sets or clears a bit of its mip. */
void vm_set_pending(struct vm *vm, uint32_t hart, enum interrupt bit, bool level);

/* --- Clock, console, end ---------------------------------------------------------------------------------*/

/* mtime now: 10 MHz ticks of the host's clock, or retired instructions over ticks_divisor. */
uint64_t vm_time(const struct vm *vm);
/* Lets the host's clock stand at `ticks` now; the other clock follows from what has been retired. */
void vm_set_time(struct vm *vm, uint64_t ticks);
void vm_console_put(struct vm *vm, const uint8_t *bytes, size_t size);
/* The next byte of input, or -1. */
int vm_console_get(struct vm *vm);
/* Ends the run after the current instruction. */
void vm_exit(struct vm *vm, uint64_t code);
void vm_fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
