/* Sv39 translation and the software TLB. Accessed and dirty bits are set by the walk (Svade is not implemented). */
#include "vm/hart.h"

#define PTE_V 1u
#define PTE_R 2u
#define PTE_W 4u
#define PTE_X 8u
#define PTE_U 16u
#define PTE_A 64u
#define PTE_D 128u
#define PTE_RESERVED ((uint64_t)0x3ff << 54)
#define PTE_PPN(pte) ((pte) >> 10 & (((uint64_t)1 << 44) - 1))
#define SATP_PPN(satp) ((satp) & (((uint64_t)1 << 44) - 1))
#define SV39_LEVELS 3

static const enum cause page_fault[] = {CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE, CAUSE_FETCH_PAGE};
static const enum cause access_fault[] = {CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS, CAUSE_FETCH_ACCESS};
static const enum cause misaligned[] = {CAUSE_LOAD_MISALIGNED, CAUSE_STORE_MISALIGNED, CAUSE_FETCH_MISALIGNED};

static bool fault(struct hart *h, const enum cause *causes, enum access access, uint64_t address)
{
    set_trap(h, causes[access], address);
    return false;
}

static bool in_ram(const struct vm *vm, uint64_t address, uint64_t length)
{
    uint64_t offset = address - RAM_BASE;
    return address >= RAM_BASE && offset < vm->ram_size && length <= vm->ram_size - offset;
}

static bool leaf_permits(const struct hart *h, uint64_t pte, enum access access, enum privilege as)
{
    if (as == PRIV_U && !(pte & PTE_U))
        return false;
    if (as == PRIV_S && (pte & PTE_U) && (access == ACCESS_EXECUTE || !(h->mstatus & MSTATUS_SUM)))
        return false;
    if (access == ACCESS_EXECUTE)
        return pte & PTE_X;
    if (access == ACCESS_WRITE)
        return pte & PTE_W;
    return (pte & PTE_R) || ((pte & PTE_X) && (h->mstatus & MSTATUS_MXR));
}

static bool pte_malformed(uint64_t pte)
{
    return !(pte & PTE_V) || ((pte & PTE_W) && !(pte & PTE_R)) || (pte & PTE_RESERVED);
}

/* The host address of the entry at `address`, which lies wherever the guest said. */
static uint8_t *pte_pointer(struct hart *h, uint64_t address, enum access access)
{
    if (!pmp_allows(h, address, 8, access, PRIV_S))
        return NULL;
    return vm_ram_at(h->vm, address, 8, access);
}

/* Sets A, and D for a store, as hardware may; false where the table's page may not be written. */
static bool update_pte(struct hart *h, uint64_t address, uint64_t pte, enum access access)
{
    uint64_t wanted = pte | PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
    if (wanted == pte)
        return true;
    uint8_t *host = pte_pointer(h, address, ACCESS_WRITE);
    if (host)
        memcpy(host, &wanted, 8);
    return host;
}

static bool walk(struct hart *h, uint64_t address, enum access access, enum privilege as, uint64_t *physical)
{
    uint64_t table = SATP_PPN(h->satp) << PAGE_SHIFT;
    for (int level = SV39_LEVELS - 1; level >= 0; level--) {
        unsigned shift = PAGE_SHIFT + 9 * (unsigned)level;
        uint64_t pte, entry = table + (address >> shift & 511) * 8;
        const uint8_t *host = pte_pointer(h, entry, ACCESS_READ);
        if (!host)
            return fault(h, access_fault, access, address);
        memcpy(&pte, host, 8);
        if (pte_malformed(pte))
            return fault(h, page_fault, access, address);
        if (!(pte & (PTE_R | PTE_X))) {
            if (pte & (PTE_U | PTE_A | PTE_D))
                return fault(h, page_fault, access, address);
            table = PTE_PPN(pte) << PAGE_SHIFT;
            continue;
        }
        uint64_t low = ((uint64_t)1 << shift) - 1;
        if (!leaf_permits(h, pte, access, as) || (PTE_PPN(pte) << PAGE_SHIFT & low))
            return fault(h, page_fault, access, address);
        if (!update_pte(h, entry, pte, access))
            return fault(h, access_fault, access, address);
        *physical = (PTE_PPN(pte) << PAGE_SHIFT) | (address & low);
        return true;
    }
    return fault(h, page_fault, access, address);
}

bool mmu_translate(struct hart *h, uint64_t address, enum access access, enum privilege as, uint64_t *physical)
{
    if (as == PRIV_M || h->satp >> 60 == 0) {
        *physical = address;
        return true;
    }
    if ((uint64_t)((int64_t)(address << 25) >> 25) != address)
        return fault(h, page_fault, access, address);
    return walk(h, address, access, as, physical);
}

static enum privilege data_privilege(const struct hart *h)
{
    return h->mstatus & MSTATUS_MPRV ? (enum privilege)((h->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT) : h->privilege;
}

void select_data_bank(struct hart *h) { h->data_bank = &h->banks[data_privilege(h)]; }

void tlb_flush_kind(struct hart *h, enum access kind)
{
    uint32_t entries = h->tlb_mask / sizeof(struct tlb_entry) + 1;
    for (int bank = 0; bank < 4; bank++)
        for (uint32_t i = 0; h->banks[bank].entries[kind] && i < entries; i++)
            h->banks[bank].entries[kind][i].tag = TLB_EMPTY;
}

void tlb_flush(struct hart *h)
{
    for (int kind = 0; kind < ACCESS_KINDS; kind++)
        tlb_flush_kind(h, (enum access)kind);
}

static struct tlb_entry *tlb_slot(const struct hart *h, struct tlb_bank *bank, enum access access, uint64_t address)
{
    return (struct tlb_entry *)((char *)bank->entries[access] + (address >> (PAGE_SHIFT - 4) & h->tlb_mask));
}

static bool watched(const struct vm *vm, enum access access, uint64_t physical)
{
    return access == ACCESS_WRITE && vm->tohost && physical >> PAGE_SHIFT == vm->tohost >> PAGE_SHIFT;
}

/* Caches the page's host address, unless parts of the page have PMP rules of their own or stores are watched. */
static void tlb_fill(struct hart *h, struct tlb_bank *bank, enum access access, uint64_t address, uint64_t physical,
                     const uint8_t *host)
{
    if (watched(h->vm, access, physical) || !pmp_uniform(h, physical & ~(PAGE_SIZE - 1)))
        return;
    struct tlb_entry *entry = tlb_slot(h, bank, access, address);
    entry->tag = address & ~(PAGE_SIZE - 1);
    entry->addend = (uintptr_t)host - (uintptr_t)address;
}

/* Translates and checks an access inside one page. `host` is NULL where it is not RAM. */
static bool resolve(struct hart *h, uint64_t address, unsigned width, enum access access, uint64_t *physical,
                    uint8_t **host)
{
    enum privilege as = access == ACCESS_EXECUTE ? h->privilege : data_privilege(h);
    if (!mmu_translate(h, address, access, as, physical))
        return false;
    if (!pmp_allows(h, *physical, width, access, as))
        return fault(h, access_fault, access, address);
    *host = in_ram(h->vm, *physical, width) ? vm_ram_at(h->vm, *physical, width, access) : NULL;
    if (*host)
        tlb_fill(h, &h->banks[as], access, address, *physical, *host);
    return true;
}

static bool crosses_page(uint64_t address, unsigned width)
{
    return (address & (PAGE_SIZE - 1)) + width > PAGE_SIZE;
}

static bool load_within_page(struct hart *h, uint64_t address, unsigned width)
{
    uint64_t physical;
    uint8_t *host;
    if (!resolve(h, address, width, ACCESS_READ, &physical, &host))
        return false;
    h->value = 0;
    if (host) {
        memcpy(&h->value, host, width);
        return true;
    }
    if (address & (width - 1))
        return fault(h, misaligned, ACCESS_READ, address);
    return bus_read(h->vm, physical, width, &h->value) || fault(h, access_fault, ACCESS_READ, address);
}

bool slow_load(struct hart *h, uint64_t address, unsigned width)
{
    if (!crosses_page(address, width))
        return load_within_page(h, address, width);
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        if (!load_within_page(h, address + i, 1))
            return false;
        value |= h->value << 8 * i;
    }
    h->value = value;
    return true;
}

static bool store_within_page(struct hart *h, uint64_t address, uint64_t value, unsigned width)
{
    uint64_t physical;
    uint8_t *host;
    if (!resolve(h, address, width, ACCESS_WRITE, &physical, &host))
        return false;
    if (host) {
        memcpy(host, &value, width);
        vm_stored(h->vm, physical, width);
        return true;
    }
    if (address & (width - 1))
        return fault(h, misaligned, ACCESS_WRITE, address);
    return bus_write(h->vm, physical, value, width) || fault(h, access_fault, ACCESS_WRITE, address);
}

bool slow_store(struct hart *h, uint64_t address, uint64_t value, unsigned width)
{
    if (!crosses_page(address, width))
        return store_within_page(h, address, value, width);
    for (unsigned i = 0; i < width; i++) {  /* both pages must take it before the first byte changes */
        uint64_t physical;
        uint8_t *host;
        if (!resolve(h, address + i, 1, ACCESS_WRITE, &physical, &host))
            return false;
        if (!host)
            return fault(h, misaligned, ACCESS_WRITE, address);
    }
    for (unsigned i = 0; i < width; i++)
        if (!store_within_page(h, address + i, value >> 8 * i & 255, 1))
            return false;
    return true;
}

void *atomic_pointer(struct hart *h, uint64_t address, unsigned width, enum access access, uint64_t *physical)
{
    uint8_t *host;
    if (address & (width - 1)) {
        fault(h, misaligned, access, address);
        return NULL;
    }
    if (!resolve(h, address, width, access, physical, &host))
        return NULL;
    if (!host)
        fault(h, access_fault, access, address);
    return host;
}

const uint8_t *fetch_pointer(struct hart *h, uint64_t address, uint64_t *physical)
{
    uint8_t *host;
    const struct tlb_entry *cached = tlb_slot(h, &h->banks[h->privilege], ACCESS_EXECUTE, address);
    if (cached->tag == (address & ~(PAGE_SIZE - 1))) {
        host = (uint8_t *)((uintptr_t)address + cached->addend);
        *physical = RAM_BASE + (uint64_t)(host - h->vm->ram);
        return host;
    }
    if (!resolve(h, address, 2, ACCESS_EXECUTE, physical, &host))
        return NULL;
    if (!host)
        fault(h, access_fault, ACCESS_EXECUTE, address);
    return host;
}
