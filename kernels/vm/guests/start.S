# Calls main and tells the host its answer: tohost = answer * 2 + 1.
    .section .text.start
    .globl _start
_start:
    la   sp, stack_top
    call main
    slli a0, a0, 1
    ori  a0, a0, 1
    la   t0, tohost
    sd   a0, 0(t0)
wait:
    j    wait
