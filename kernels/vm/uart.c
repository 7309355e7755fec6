/* An 8250-compatible UART (the 16550's FIFO bit reads back) over the machine's console. Sending takes no time. */
#include "vm/uart.h"

#include <stdlib.h>

#include "vm/internal.h"
#include "vm/stream.h"

#define SIZE 0x100
#define CLOCK_FREQUENCY 3686400

enum { RBR_THR_DLL = 0, IER_DLM = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7, REGISTERS = 8 };
enum { IER_DATA = 1, IER_EMPTY = 2, IER_MASK = 15 };
enum { IIR_NONE = 1, IIR_EMPTY = 2, IIR_DATA = 4, IIR_FIFO = 0xc0 };
enum { LCR_DLAB = 0x80, LSR_DATA = 1, LSR_IDLE = 0x60, MCR_LOOP = 0x10, MSR_CONNECTED = 0xb0 };

struct uart {
    struct vm *vm;
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
    bool empty_pending;  /* the transmitter ran empty and nobody has asked since */
    bool has_input;
    uint8_t input;       /* the next byte, taken from the console */
};

static void take_input(struct uart *u)
{
    int byte = u->has_input ? -1 : vm_console_get(u->vm);
    if (byte >= 0) {
        u->input = (uint8_t)byte;
        u->has_input = true;
    }
}

static uint8_t cause(const struct uart *u)
{
    if (u->has_input && (u->ier & IER_DATA))
        return IIR_DATA;
    return u->empty_pending && (u->ier & IER_EMPTY) ? IIR_EMPTY : IIR_NONE;
}

static void update(struct uart *u)
{
    take_input(u);
    vm_set_irq(u->vm, UART_IRQ, cause(u) != IIR_NONE);
}

static void uart_poll(void *opaque) { update(opaque); }

static uint8_t read_register(struct uart *u, unsigned number)
{
    bool divisor = u->lcr & LCR_DLAB;
    uint8_t value;
    switch (number) {
    case RBR_THR_DLL:
        if (divisor)
            return u->dll;
        value = u->has_input ? u->input : 0;
        u->has_input = false;
        return value;
    case IER_DLM: return divisor ? u->dlm : u->ier;
    case IIR_FCR:
        value = cause(u);
        u->empty_pending = u->empty_pending && value != IIR_EMPTY;
        return value | (u->fcr & 1 ? IIR_FIFO : 0);
    case LCR: return u->lcr;
    case MCR: return u->mcr;
    case LSR: return LSR_IDLE | (u->has_input ? LSR_DATA : 0);
    case MSR: return MSR_CONNECTED;
    default: return u->scr;
    }
}

static void send(struct uart *u, uint8_t byte)
{
    if (u->mcr & MCR_LOOP) {
        u->input = byte;
        u->has_input = true;
    } else {
        vm_console_put(u->vm, &byte, 1);
    }
    u->empty_pending = true;
}

static void write_register(struct uart *u, unsigned number, uint8_t value)
{
    bool divisor = u->lcr & LCR_DLAB;
    switch (number) {
    case RBR_THR_DLL:
        if (divisor)
            u->dll = value;
        else
            send(u, value);
        break;
    case IER_DLM:
        if (divisor) {
            u->dlm = value;
        } else {
            u->empty_pending |= (value & ~u->ier & IER_EMPTY) != 0;
            u->ier = value & IER_MASK;
        }
        break;
    case IIR_FCR: u->fcr = value; break;
    case LCR: u->lcr = value; break;
    case MCR: u->mcr = value & 0x1f; break;
    case SCR: u->scr = value; break;
    default: break;
    }
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned width)
{
    struct uart *u = opaque;
    if (offset >= REGISTERS || width != 1)
        return 0;
    take_input(u);
    uint64_t value = read_register(u, (unsigned)offset);
    update(u);
    return value;
}

static void uart_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct uart *u = opaque;
    if (offset >= REGISTERS || width != 1)
        return;
    write_register(u, (unsigned)offset, (uint8_t)value);
    update(u);
}

static void uart_reset(void *opaque)
{
    struct uart *u = opaque;
    *u = (struct uart){.vm = u->vm};
}

static void uart_save(void *opaque, struct stream *to)
{
    const struct uart *u = opaque;
    const uint8_t bytes[] = {u->ier, u->fcr, u->lcr, u->mcr, u->scr, u->dll, u->dlm,
                             u->empty_pending, u->has_input, u->input};
    stream_write(to, bytes, sizeof bytes);
}

static bool uart_load(void *opaque, struct stream *from)
{
    struct uart *u = opaque;
    uint8_t bytes[10];
    stream_read(from, bytes, sizeof bytes);
    *u = (struct uart){.vm = u->vm, .ier = bytes[0] & IER_MASK, .fcr = bytes[1], .lcr = bytes[2],
                       .mcr = bytes[3] & 0x1f, .scr = bytes[4], .dll = bytes[5], .dlm = bytes[6],
                       .empty_pending = bytes[7], .has_input = bytes[8], .input = bytes[9]};
    return !from->failed;
}

bool uart_attach(struct vm *vm)
{
    struct uart *u = calloc(1, sizeof *u);
    const struct device device = {.name = "serial", .base = UART_BASE, .size = SIZE, .read = uart_read,
                                  .write = uart_write, .reset = uart_reset, .poll = uart_poll, .save = uart_save, .load = uart_load,
                                  .destroy = free, .opaque = u, .compatible = "ns16550a", .irq = UART_IRQ,
                                  .clock_frequency = CLOCK_FREQUENCY};
    if (!u || !vm_add_device(vm, &device)) {
        free(u);
        return false;
    }
    u->vm = vm;
    return true;
}
