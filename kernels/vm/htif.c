/* HTIF: a store to the ELF's symbol `tohost` is a message to the host; the answer goes to `fromhost`.

   An odd value ends the run with value >> 1. Otherwise bits 63..56 name a device and 55..48 a command: device 1,
   command 1 puts a character; device 0, command 0 is a system call whose eight-word block the rest points to. */
#include "vm/hart.h"

#define PAYLOAD_MASK (((uint64_t)1 << 48) - 1)
#define SYS_WRITE 64
#define SYS_EXIT 93
#define ENOSYS_RESULT ((uint64_t)-38)
#define EFAULT_RESULT ((uint64_t)-14)

static uint64_t sys_write(struct vm *vm, const uint64_t *arguments)
{
    const uint8_t *bytes = vm_ram_at(vm, arguments[1], arguments[2], ACCESS_READ);
    if (!bytes)
        return EFAULT_RESULT;
    vm_console_put(vm, bytes, arguments[2]);
    return arguments[2];
}

static void system_call(struct vm *vm, uint64_t block)
{
    uint64_t words[4];
    uint8_t *host = vm_ram_at(vm, block, 8 * sizeof(uint64_t), ACCESS_WRITE);
    if (!host)
        return;
    memcpy(words, host, sizeof words);
    uint64_t result = ENOSYS_RESULT;
    if (words[0] == SYS_EXIT)
        vm_exit(vm, words[1]);
    else if (words[0] == SYS_WRITE)
        result = sys_write(vm, words + 1);
    memcpy(host, &result, sizeof result);
}

static void answer(struct vm *vm, uint64_t message)
{
    uint8_t *fromhost = vm->fromhost ? vm_ram_at(vm, vm->fromhost, 8, ACCESS_WRITE) : NULL;
    uint64_t response = (message & ~PAYLOAD_MASK) | 1;
    if (fromhost)
        memcpy(fromhost, &response, sizeof response);
}

void htif_poll(struct vm *vm)
{
    uint64_t message, none = 0;
    uint8_t *tohost = vm_ram_at(vm, vm->tohost, 8, ACCESS_WRITE);
    if (!tohost)
        return;
    memcpy(&message, tohost, sizeof message);
    if (message == 0)
        return;
    uint8_t device = (uint8_t)(message >> 56), command = (uint8_t)(message >> 48), byte = (uint8_t)message;
    memcpy(tohost, &none, sizeof none);
    if (device == 0 && (message & 1)) {
        vm_exit(vm, (message & PAYLOAD_MASK) >> 1);
    } else if (device == 0 && command == 0) {
        system_call(vm, message & PAYLOAD_MASK);
        answer(vm, message);
    } else if (device == 1 && command == 1) {
        vm_console_put(vm, &byte, 1);
        answer(vm, message);
    }
}

void vm_stored(struct vm *vm, uint64_t physical, unsigned width)
{
    if (vm->tohost && physical <= vm->tohost + 7 && physical + width > vm->tohost)
        htif_poll(vm);
}
