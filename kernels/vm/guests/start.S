# Calls main and tells the host its answer: tohost = answer * 2 + 1. A trap that nobody handles is the answer 1.
# Machine and supervisor mode both start here: where mtvec cannot be written, that traps to the next instruction.
    .section .text.start
    .globl _start
_start:
    la   sp, stack_top
    la   t0, supervisor
    csrw stvec, t0
    la   t1, trapped
    csrw mtvec, t1
    .align 2
supervisor:
    la   t1, trapped
    csrw stvec, t1
    call main
report:
    slli a0, a0, 1
    ori  a0, a0, 1
    la   t0, tohost
    sd   a0, 0(t0)
wait:
    j    wait
    .align 2
trapped:
    li   a0, 1
    j    report
