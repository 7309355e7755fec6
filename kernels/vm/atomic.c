/* The A extension: load-reserved, store-conditional and read-modify-write. Harts take turns on one host thread, so
   plain accesses are atomic among them. */
#include "vm/decode.h"

enum funct5 { AMO_ADD = 0, AMO_SWAP = 1, LR = 2, SC = 3, AMO_XOR = 4, AMO_OR = 8, AMO_AND = 12, AMO_MIN = 16,
              AMO_MAX = 20, AMO_MINU = 24, AMO_MAXU = 28 };

static uint64_t combine(enum funct5 which, uint64_t a, uint64_t b)
{
    switch (which) {
    case AMO_ADD: return a + b;
    case AMO_XOR: return a ^ b;
    case AMO_OR: return a | b;
    case AMO_AND: return a & b;
    case AMO_MIN: return (int64_t)a < (int64_t)b ? a : b;
    case AMO_MAX: return (int64_t)a > (int64_t)b ? a : b;
    case AMO_MINU: return a < b ? a : b;
    case AMO_MAXU: return a > b ? a : b;
    default: return b;
    }
}

/* Sign extension keeps unsigned order too, so that 32-bit operands may be compared as 64-bit ones. */
static uint64_t read_at(const void *host, unsigned width)
{
    int32_t word;
    uint64_t value;
    if (width == 8)
        return memcpy(&value, host, 8), value;
    memcpy(&word, host, 4);
    return (uint64_t)word;
}

static uint64_t store_conditional(struct hart *h, void *host, uint64_t physical, uint64_t value, unsigned width)
{
    bool reserved = h->reservation == physical;
    h->reservation = RESERVATION_NONE;
    if (!reserved)
        return 1;
    memcpy(host, &value, width);
    vm_stored(h->vm, physical, width);
    return 0;
}

bool atomic_execute(struct hart *h, const struct op *op, unsigned width)
{
    enum funct5 which = (enum funct5)op->imm;
    uint64_t physical, b = h->x[op->rs2];
    void *host = atomic_pointer(h, h->x[op->rs1], width, which == LR ? ACCESS_READ : ACCESS_WRITE, &physical);
    if (!host)
        return false;
    if (which == SC) {
        h->x[op->rd] = store_conditional(h, host, physical, b, width);
        return true;
    }
    uint64_t a = read_at(host, width);
    h->x[op->rd] = a;
    if (which == LR) {
        h->reservation = physical;
        return true;
    }
    uint64_t result = combine(which, a, width == 4 ? (uint64_t)(int32_t)b : b);
    memcpy(host, &result, width);
    vm_stored(h->vm, physical, width);
    return true;
}
