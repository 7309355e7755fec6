/* The virtual machine as its users see it: create, load, run, look inside.
   Read by the C compiler and by cffi: plain declarations only. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct vm;

/* Why vm_run came back. */
enum vm_stop {
    VM_STOP_BUDGET,   /* the instructions asked for have been retired */
    VM_STOP_EXIT,     /* the guest ended itself (HTIF or SBI); vm_exit_code has its code */
    VM_STOP_IDLE,     /* every hart waits and nothing is due that could wake one */
    VM_STOP_REQUEST,  /* vm_request_stop was called */
    VM_STOP_STUCK     /* the guest traps for ever without retiring an instruction */
};

/* How the guest is started. */
enum vm_mode {
    VM_MODE_MACHINE,    /* M-mode at the entry: the ELF brings its own firmware */
    VM_MODE_SUPERVISOR  /* S-mode at the entry: the built-in SBI serves it */
};

/* What mtime counts. */
enum vm_clock {
    VM_CLOCK_INSTRUCTIONS,  /* retired instructions: two equal runs see equal times */
    VM_CLOCK_HOST           /* the host's monotonic clock */
};

/* The bulk memory paths: each obeys a copy routine of its own. */
enum vm_path {
    VM_PATH_DMA_READ,
    VM_PATH_DMA_WRITE,
    VM_PATH_NET_RX,
    VM_PATH_NET_TX,
    VM_PATH_PAGE_COW,
    VM_PATH_SNAPSHOT_SAVE,
    VM_PATH_SNAPSHOT_RESTORE,
    VM_PATH_MIGRATE_SEND,
    VM_PATH_MIGRATE_RECEIVE,
    VM_PATH_FRAMEBUFFER_BLIT,
    VM_PATH_GUEST_COPY,
    VM_PATH_COUNT
};

struct vm_config {
    uint64_t ram_size;        /* bytes, a multiple of 4096 */
    uint32_t harts;           /* 1 to 8 */
    uint32_t tlb_entries;     /* a power of two, 16 to 65536 */
    uint32_t block_cache;     /* decoded blocks kept, a power of two, 64 to 1048576 */
    uint32_t ticks_divisor;   /* retired instructions per tick of mtime (VM_CLOCK_INSTRUCTIONS) */
    enum vm_clock clock;
};

/* The machine, or NULL with a sentence in `error` (at most `error_size` bytes with the final NUL). */
struct vm *vm_create(const struct vm_config *config, char *error, size_t error_size);
void vm_destroy(struct vm *vm);

/* Loads an ELF64 image and sets every hart to its entry. Returns 0, or -1 with vm_error's text. */
int vm_load_elf(struct vm *vm, const uint8_t *image, size_t size, enum vm_mode mode);
/* The value of a symbol of the loaded ELF; 0 where it has none of that name. */
uint64_t vm_symbol(const struct vm *vm, const char *name);
/* Sets every hart to `entry` in the mode's privilege, a0 the hart's number and a1 the device tree's address. */
void vm_reset(struct vm *vm, uint64_t entry, enum vm_mode mode);
/* Where the device tree lies in guest RAM; takes effect with the next vm_reset or vm_load_elf. */
void vm_set_device_tree(struct vm *vm, uint64_t address);

/* Runs until `instructions` are retired, all harts together, or something ends the run earlier. */
enum vm_stop vm_run(struct vm *vm, uint64_t instructions);
/* Makes a running vm_run return soon; may be called from any thread. */
void vm_request_stop(struct vm *vm);
uint64_t vm_exit_code(const struct vm *vm);
/* The last error as one sentence; empty where there was none. */
const char *vm_error(const struct vm *vm);

uint64_t vm_retired(const struct vm *vm);
uint8_t *vm_ram(struct vm *vm);
uint64_t vm_ram_base(const struct vm *vm);
uint64_t vm_ram_size(const struct vm *vm);
uint32_t vm_hart_count(const struct vm *vm);

/* The hart's 32 integer registers, to read and write between runs (writes to the first are ignored). */
uint64_t *vm_registers(struct vm *vm, uint32_t hart);
uint64_t vm_pc(const struct vm *vm, uint32_t hart);
void vm_set_pc(struct vm *vm, uint32_t hart, uint64_t pc);
/* 0 user, 1 supervisor, 3 machine. */
uint32_t vm_privilege(const struct vm *vm, uint32_t hart);
void vm_set_privilege(struct vm *vm, uint32_t hart, uint32_t privilege);
/* CSR access with machine-mode rights; -1 where there is no such CSR (or it is read-only). */
int vm_csr_read(struct vm *vm, uint32_t hart, uint32_t number, uint64_t *value);
int vm_csr_write(struct vm *vm, uint32_t hart, uint32_t number, uint64_t value);
/* One access to a device's register of 1, 2, 4 or 8 bytes, as a debugger makes it; -1 where there is none. */
int vm_bus_read(struct vm *vm, uint64_t address, unsigned width, uint64_t *value);
int vm_bus_write(struct vm *vm, uint64_t address, unsigned width, uint64_t value);
/* Must follow a change of guest RAM from outside: decoded code is forgotten. */
void vm_ram_changed(struct vm *vm);

/* Console: what the guest has written since the last take, and what it will read. */
size_t vm_console_pending(const struct vm *vm);
size_t vm_console_take(struct vm *vm, uint8_t *bytes, size_t size);
size_t vm_console_feed(struct vm *vm, const uint8_t *bytes, size_t size);

/* A path's copy routine, by address, of memcpy's type; 0 gives back libc's. May be swapped while the VM runs. */
void vm_path_set(struct vm *vm, enum vm_path path, uintptr_t copy);
uint64_t vm_path_calls(const struct vm *vm, enum vm_path path);
uint64_t vm_path_bytes(const struct vm *vm, enum vm_path path);
/* 64 counters: calls of sizes 2^i to 2^(i+1) - 1. */
const uint64_t *vm_path_histogram(const struct vm *vm, enum vm_path path);
/* 64 counters: calls with (destination - source) mod 4096 in 64 i to 64 i + 63 on the host. */
const uint64_t *vm_path_deltas(const struct vm *vm, enum vm_path path);

/* The dirty-page bitmap: bit p is set once page p of RAM was written. */
const uint64_t *vm_dirty_bitmap(const struct vm *vm);
/* Clears it and has stores mark again. */
void vm_dirty_clear(struct vm *vm);
