/* The control and status registers: who may touch which, and what each keeps of a write (WARL). */
#include "vm/csr.h"

#include "vm/hart.h"

#define S_INTERRUPTS ((uint64_t)(1 << IRQ_SSI | 1 << IRQ_STI | 1 << IRQ_SEI))
#define ALL_INTERRUPTS (S_INTERRUPTS | (uint64_t)(1 << IRQ_MSI | 1 << IRQ_MTI | 1 << IRQ_MEI))
#define DELEGABLE UINT64_C(0xb3ff)
#define SSTATUS_WRITABLE (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_MXR)
#define MSTATUS_WRITABLE (SSTATUS_WRITABLE | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW \
                          | MSTATUS_TSR)
#define MISA (UINT64_C(2) << 62 | 1 << 0 | 1 << 2 | 1 << 8 | 1 << 12 | 1 << 18 | 1 << 20)  /* RV64ACIMSU */
#define COUNTERS 7           /* cycle, time, instret */
#define ENVCFG_FIOM 1
#define SATP_MODE(satp) ((satp) >> 60)
#define SATP_ASID ((uint64_t)0xffff << 44)
#define SV39 8

uint64_t hart_mip(const struct hart *h) { return h->mip | (h->external_seip ? (uint64_t)1 << IRQ_SEI : 0); }

static bool between(uint32_t number, uint32_t first, uint32_t last) { return number >= first && number <= last; }

static uint64_t counter_read(const struct hart *h, const struct counter *c)
{
    return c->inhibited ? c->frozen : hart_retired(h) + c->bias;
}

/* The instruction that writes a counter does not count in it. */
static void counter_write(const struct hart *h, struct counter *c, uint64_t value)
{
    c->frozen = value;
    c->bias = value - (hart_retired(h) + 1);
}

static void counter_inhibit(const struct hart *h, struct counter *c, bool inhibit)
{
    if (inhibit && !c->inhibited)
        c->frozen = counter_read(h, c);
    if (!inhibit && c->inhibited)
        c->bias = c->frozen - hart_retired(h);
    c->inhibited = inhibit;
}

static bool read_user(const struct hart *h, uint32_t number, uint64_t *value)
{
    switch (number) {
    case CSR_CYCLE: *value = counter_read(h, &h->cycle); return true;
    case CSR_TIME: *value = vm_time(h->vm); return true;
    case CSR_INSTRET: *value = counter_read(h, &h->instret); return true;
    default: *value = 0; return between(number, CSR_CYCLE, CSR_HPMCOUNTER31);
    }
}

static bool read_supervisor(const struct hart *h, uint32_t number, uint64_t *value)
{
    switch (number) {
    case CSR_SSTATUS: *value = (h->mstatus & SSTATUS_WRITABLE) | MSTATUS_UXL; return true;
    case CSR_SIE: *value = h->mie & h->mideleg; return true;
    case CSR_SIP: *value = hart_mip(h) & h->mideleg; return true;
    case CSR_STVEC: *value = h->stvec; return true;
    case CSR_SCOUNTEREN: *value = h->scounteren; return true;
    case CSR_SENVCFG: *value = h->senvcfg; return true;
    case CSR_SSCRATCH: *value = h->sscratch; return true;
    case CSR_SEPC: *value = h->sepc; return true;
    case CSR_SCAUSE: *value = h->scause; return true;
    case CSR_STVAL: *value = h->stval; return true;
    case CSR_SATP: *value = h->satp; return true;
    default: return false;
    }
}

static bool read_machine_setup(const struct hart *h, uint32_t number, uint64_t *value)
{
    switch (number) {
    case CSR_MSTATUS: *value = h->mstatus | MSTATUS_UXL | MSTATUS_SXL; return true;
    case CSR_MISA: *value = MISA; return true;
    case CSR_MEDELEG: *value = h->medeleg; return true;
    case CSR_MIDELEG: *value = h->mideleg; return true;
    case CSR_MIE: *value = h->mie; return true;
    case CSR_MIP: *value = hart_mip(h); return true;
    case CSR_MTVEC: *value = h->mtvec; return true;
    case CSR_MCOUNTEREN: *value = h->mcounteren; return true;
    case CSR_MENVCFG: *value = h->menvcfg; return true;
    case CSR_MCOUNTINHIBIT: *value = (h->cycle.inhibited ? 1 : 0) | (h->instret.inhibited ? 4 : 0); return true;
    default: return false;
    }
}

static bool read_machine(const struct hart *h, uint32_t number, uint64_t *value)
{
    switch (number) {
    case CSR_MSCRATCH: *value = h->mscratch; return true;
    case CSR_MEPC: *value = h->mepc; return true;
    case CSR_MCAUSE: *value = h->mcause; return true;
    case CSR_MTVAL: *value = h->mtval; return true;
    case CSR_MCYCLE: *value = counter_read(h, &h->cycle); return true;
    case CSR_MINSTRET: *value = counter_read(h, &h->instret); return true;
    case CSR_MHARTID: *value = h->id; return true;
    case CSR_PMPCFG0: case CSR_PMPCFG2: *value = pmp_read(h, number); return true;
    default: break;
    }
    if (between(number, CSR_PMPADDR0, CSR_PMPADDR15)) {
        *value = pmp_read(h, number);
        return true;
    }
    *value = 0;  /* there, and always zero */
    return between(number, CSR_MVENDORID, CSR_MCONFIGPTR) || between(number, CSR_MHPMCOUNTER3, CSR_MHPMCOUNTER31)
           || between(number, CSR_MHPMEVENT3, CSR_MHPMEVENT31) || between(number, CSR_TSELECT, CSR_TDATA3);
}

bool csr_read(struct hart *h, uint32_t number, uint64_t *value)
{
    return read_user(h, number, value) || read_supervisor(h, number, value) || read_machine_setup(h, number, value)
           || read_machine(h, number, value);
}

static void write_status(struct hart *h, uint64_t value, uint64_t writable)
{
    uint64_t old = h->mstatus;
    h->mstatus = (old & ~writable) | (value & writable);
    if ((old ^ h->mstatus) & (MSTATUS_SUM | MSTATUS_MXR)) {
        tlb_flush_kind(h, ACCESS_READ);
        tlb_flush_kind(h, ACCESS_WRITE);
    }
    select_data_bank(h);
}

static void write_mstatus(struct hart *h, uint64_t value)
{
    bool mpp_exists = (value & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT != 2;
    write_status(h, value, MSTATUS_WRITABLE | (mpp_exists ? MSTATUS_MPP : 0));
}

static void assign(uint64_t *field, uint64_t value, uint64_t mask) { *field = (*field & ~mask) | (value & mask); }

static void write_satp(struct hart *h, uint64_t value)
{
    if (SATP_MODE(value) != 0 && SATP_MODE(value) != SV39)
        return;
    h->satp = value & ~SATP_ASID;
    tlb_flush(h);
    cache_flush_jumps(h);
}

static bool write_supervisor(struct hart *h, uint32_t number, uint64_t value)
{
    switch (number) {
    case CSR_SSTATUS: write_status(h, value, SSTATUS_WRITABLE); return true;
    case CSR_SIE: assign(&h->mie, value, h->mideleg); return true;
    case CSR_SIP: assign(&h->mip, value, h->mideleg & (uint64_t)1 << IRQ_SSI); return true;
    case CSR_STVEC: h->stvec = value & ~(uint64_t)2; return true;
    case CSR_SCOUNTEREN: h->scounteren = value & COUNTERS; return true;
    case CSR_SENVCFG: h->senvcfg = value & ENVCFG_FIOM; return true;
    case CSR_SSCRATCH: h->sscratch = value; return true;
    case CSR_SEPC: h->sepc = value & ~(uint64_t)1; return true;
    case CSR_SCAUSE: h->scause = value; return true;
    case CSR_STVAL: h->stval = value; return true;
    case CSR_SATP: write_satp(h, value); return true;
    default: return false;
    }
}

static bool write_machine_setup(struct hart *h, uint32_t number, uint64_t value)
{
    switch (number) {
    case CSR_MSTATUS: write_mstatus(h, value); return true;
    case CSR_MISA: return true;  /* every bit is fixed */
    case CSR_MEDELEG: h->medeleg = value & DELEGABLE; return true;
    case CSR_MIDELEG: h->mideleg = value & S_INTERRUPTS; return true;
    case CSR_MIE: h->mie = value & ALL_INTERRUPTS; return true;
    case CSR_MIP: assign(&h->mip, value, S_INTERRUPTS); return true;
    case CSR_MTVEC: h->mtvec = value & ~(uint64_t)2; return true;
    case CSR_MCOUNTEREN: h->mcounteren = value & COUNTERS; return true;
    case CSR_MENVCFG: h->menvcfg = value & ENVCFG_FIOM; return true;
    case CSR_MCOUNTINHIBIT:
        counter_inhibit(h, &h->cycle, value & 1);
        counter_inhibit(h, &h->instret, value & 4);
        return true;
    default: return false;
    }
}

static bool write_machine(struct hart *h, uint32_t number, uint64_t value)
{
    switch (number) {
    case CSR_MSCRATCH: h->mscratch = value; return true;
    case CSR_MEPC: h->mepc = value & ~(uint64_t)1; return true;
    case CSR_MCAUSE: h->mcause = value; return true;
    case CSR_MTVAL: h->mtval = value; return true;
    case CSR_MCYCLE: counter_write(h, &h->cycle, value); return true;
    case CSR_MINSTRET: counter_write(h, &h->instret, value); return true;
    case CSR_PMPCFG0: case CSR_PMPCFG2: pmp_write(h, number, value); return true;
    default: break;
    }
    if (between(number, CSR_PMPADDR0, CSR_PMPADDR15)) {
        pmp_write(h, number, value);
        return true;
    }
    return between(number, CSR_MHPMCOUNTER3, CSR_MHPMCOUNTER31) || between(number, CSR_MHPMEVENT3, CSR_MHPMEVENT31)
           || between(number, CSR_TSELECT, CSR_TDATA3);
}

static bool read_only(uint32_t number) { return number >> 10 == 3; }

bool csr_write(struct hart *h, uint32_t number, uint64_t value)
{
    return !read_only(number)
           && (write_supervisor(h, number, value) || write_machine_setup(h, number, value)
               || write_machine(h, number, value));
}

static bool counter_enabled(const struct hart *h, uint32_t number)
{
    uint32_t bit = number & 31;
    return h->privilege == PRIV_M
           || ((h->mcounteren >> bit & 1) && (h->privilege == PRIV_S || (h->scounteren >> bit & 1)));
}

static bool accessible(const struct hart *h, uint32_t number)
{
    if (number == CSR_SATP && h->privilege == PRIV_S && (h->mstatus & MSTATUS_TVM))
        return false;
    if (between(number, CSR_CYCLE, CSR_HPMCOUNTER31) && !counter_enabled(h, number))
        return false;
    return (number >> 8 & 3) <= (uint32_t)h->privilege;
}

/* What a read-modify-write starts from: the controller's part of SEIP must not reach the software's. */
static uint64_t modifiable(const struct hart *h, uint32_t number, uint64_t old)
{
    return number == CSR_MIP ? h->mip : old;
}

bool csr_execute(struct hart *h, uint32_t word)
{
    uint32_t number = word >> 20, funct3 = word >> 12 & 7, rs1 = word >> 15 & 31, rd = word >> 7 & 31;
    uint64_t operand = funct3 & 4 ? rs1 : h->x[rs1], old = 0;
    bool writes = (funct3 & 3) == 1 || rs1 != 0;
    if (!accessible(h, number) || (writes && read_only(number)) || !csr_read(h, number, &old))
        return false;
    uint64_t base = modifiable(h, number, old);
    uint64_t value = (funct3 & 3) == 1 ? operand : (funct3 & 3) == 2 ? base | operand : base & ~operand;
    if (writes && !csr_write(h, number, value))
        return false;
    if (rd)
        h->x[rd] = old;
    return true;
}
