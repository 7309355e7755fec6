/* Physical memory protection: 16 entries, OFF, TOR, NA4 and NAPOT, granularity 4 bytes. */
#include "vm/csr.h"
#include "vm/hart.h"

#define PMP_R 1
#define PMP_W 2
#define PMP_X 4
#define PMP_MATCHING 0x18
#define PMP_TOR 0x08
#define PMP_NA4 0x10
#define PMP_LOCKED 0x80
#define PMP_ADDRESS_MASK (((uint64_t)1 << 54) - 1)

/* The entry's range [first, last], in bytes; false where it matches nothing. */
static bool range(const struct hart *h, unsigned i, uint64_t *first, uint64_t *last)
{
    uint64_t address = h->pmpaddr[i];
    switch (h->pmpcfg[i] & PMP_MATCHING) {
    case 0:
        return false;
    case PMP_TOR:
        *first = i ? h->pmpaddr[i - 1] << 2 : 0;
        *last = (address << 2) - 1;
        return address << 2 > *first;
    case PMP_NA4:
        *first = address << 2;
        *last = *first + 3;
        return true;
    default: {
        uint64_t ones = address ^ (address + 1);  /* the trailing ones and the zero above them */
        *first = (address & ~ones) << 2;
        *last = *first | ones << 2 | 3;
        return true;
    }
    }
}

static bool permits(uint8_t cfg, enum access access, enum privilege as)
{
    static const uint8_t needed[] = {PMP_R, PMP_W, PMP_X};
    return (as == PRIV_M && !(cfg & PMP_LOCKED)) || (cfg & needed[access]);
}

bool pmp_allows(const struct hart *h, uint64_t address, uint64_t length, enum access access, enum privilege as)
{
    uint64_t first, last, end = address + length - 1;
    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        if (!(h->pmp_active >> i & 1) || !range(h, i, &first, &last) || end < first || address > last)
            continue;
        return address >= first && end <= last && permits(h->pmpcfg[i], access, as);
    }
    return as == PRIV_M;
}

bool pmp_uniform(const struct hart *h, uint64_t page_address)
{
    uint64_t first, last, end = page_address + PAGE_SIZE - 1;
    for (unsigned i = 0; i < PMP_ENTRIES; i++) {
        if (!(h->pmp_active >> i & 1) || !range(h, i, &first, &last) || end < first || page_address > last)
            continue;
        return page_address >= first && end <= last;
    }
    return true;
}

uint64_t pmp_read(const struct hart *h, uint32_t number)
{
    if (number >= CSR_PMPADDR0)
        return h->pmpaddr[number - CSR_PMPADDR0];
    uint64_t value;
    memcpy(&value, &h->pmpcfg[(number - CSR_PMPCFG0) * 4], sizeof value);
    return value;
}

static bool address_locked(const struct hart *h, unsigned i)
{
    if (h->pmpcfg[i] & PMP_LOCKED)
        return true;
    return i + 1 < PMP_ENTRIES && (h->pmpcfg[i + 1] & PMP_LOCKED) && (h->pmpcfg[i + 1] & PMP_MATCHING) == PMP_TOR;
}

static void write_cfg(struct hart *h, unsigned i, uint8_t cfg)
{
    if (h->pmpcfg[i] & PMP_LOCKED)
        return;
    cfg &= PMP_LOCKED | PMP_MATCHING | PMP_R | PMP_W | PMP_X;
    if (!(cfg & PMP_R))
        cfg &= (uint8_t)~PMP_W;  /* W without R is reserved */
    h->pmpcfg[i] = cfg;
    h->pmp_active &= ~(1u << i);
    if (cfg & PMP_MATCHING)
        h->pmp_active |= 1u << i;
}

void pmp_write(struct hart *h, uint32_t number, uint64_t value)
{
    if (number >= CSR_PMPADDR0) {
        unsigned i = number - CSR_PMPADDR0;
        if (!address_locked(h, i))
            h->pmpaddr[i] = value & PMP_ADDRESS_MASK;
    } else {
        for (unsigned i = 0; i < 8; i++)
            write_cfg(h, (number - CSR_PMPCFG0) * 4 + i, (uint8_t)(value >> 8 * i));
    }
    tlb_flush(h);
    cache_flush(h);
}
