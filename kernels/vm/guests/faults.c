/* A supervisor that forks address spaces: pages are shared read-only, and the fault that a store makes copies the page by
   hypercall. Answers 0 when no space sees what another wrote. Runs in supervisor mode under the built-in SBI. */
#include <stdint.h>

#define PAGE 4096
#define PAGES 256
#define FORKS 16
#define WINDOW 0x40000000ul
#define HYPERCALL_COPY 0x09000000ul

enum { VALID = 1, READ = 2, WRITE = 4, EXECUTE = 8, ACCESSED = 64, DIRTY = 128 };

typedef uint64_t table[512];

static table root __attribute__((aligned(PAGE))), middle __attribute__((aligned(PAGE)));
static table leaf __attribute__((aligned(PAGE)));
static uint8_t pool[(PAGES * 2) * PAGE] __attribute__((aligned(PAGE)));
static uint32_t next_free;
static uint64_t faults, failed_copies;

static uint64_t entry(const void *page, uint64_t flags) { return (uintptr_t)page >> 12 << 10 | flags | VALID; }

static uint64_t hypercall_copy(void *to, const void *from, uint64_t size)
{
    register uint64_t a0 __asm__("a0") = (uint64_t)to;
    register uint64_t a1 __asm__("a1") = (uint64_t)from;
    register uint64_t a2 __asm__("a2") = size;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = HYPERCALL_COPY;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return a0;
}

/* A store to a shared page: copy it, and let the store be done again. */
__attribute__((interrupt("supervisor"), aligned(4))) static void on_fault(void)
{
    uint64_t address;
    __asm__ volatile("csrr %0, stval" : "=r"(address));
    uint64_t page = (address - WINDOW) / PAGE;
    uint8_t *copy = pool + (uint64_t)(PAGES + next_free++ % PAGES) * PAGE;
    const uint8_t *from = (const uint8_t *)(leaf[page] >> 10 << 12);
    failed_copies += hypercall_copy(copy, from, PAGE) != 0;
    leaf[page] = entry(copy, READ | WRITE | ACCESSED | DIRTY);
    __asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
    faults++;
}

/* A new space: every page of the parent's, read-only. */
static void fork_space(void)
{
    for (uint32_t page = 0; page < PAGES; page++)
        leaf[page] = entry(pool + page * PAGE, READ | ACCESSED);
    next_free = 0;
    __asm__ volatile("sfence.vma" : : : "memory");
}

static void enable_paging(void)
{
    root[WINDOW >> 30] = entry(middle, 0);
    root[2] = entry((void *)0x80000000ul, READ | WRITE | EXECUTE | ACCESSED | DIRTY);
    middle[0] = entry(leaf, 0);
    __asm__ volatile("csrw stvec, %0" : : "r"(on_fault));
    __asm__ volatile("csrw satp, %0; sfence.vma" : : "r"(8ul << 60 | (uintptr_t)root >> 12) : "memory");
}

int main(void)
{
    volatile uint8_t *window = (volatile uint8_t *)WINDOW;
    for (uint32_t i = 0; i < PAGES * PAGE; i++)
        pool[i] = (uint8_t)(i * 7 + (i >> 12));
    fork_space();
    enable_paging();
    for (uint32_t child = 0; child < FORKS; child++) {
        fork_space();
        for (uint32_t page = 0; page < PAGES; page++)
            window[page * PAGE + child] = (uint8_t)~pool[page * PAGE + child];
        for (uint32_t i = 0; i < PAGES * PAGE; i += 509)
            if ((window[i] == pool[i]) != (i % PAGE != child))
                return 1;
    }
    return faults == FORKS * PAGES && failed_copies == 0 ? 0 : 2;
}
