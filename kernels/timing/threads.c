#define _GNU_SOURCE
#include "copy/api.h"
#include "timing/api.h"
#include "timing/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MAX_THREADS 256

enum gate { CLOSED, OPEN, CALLED_OFF };

struct start {
    atomic_size_t ready;
    atomic_int gate;
};

struct job {
    uintptr_t fn;
    const struct xo_batch *batch;
    size_t calls;
    int cpu;
    struct start *start;
    double ended;
};

static void pin(int cpu) {
    if (cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *copy_when_open(void *argument) {
    struct job *job = argument;
    pin(job->cpu);
    atomic_fetch_add(&job->start->ready, 1);
    enum gate gate;
    while ((gate = (enum gate)atomic_load(&job->start->gate)) == CLOSED)
        sched_yield();
    if (gate == OPEN)
        xo_time_batch(job->fn, job->batch, 0, job->calls);
    job->ended = xo_now_ns();
    return NULL;
}

static double last_end(const struct job *jobs, size_t threads) {
    double last = 0;
    for (size_t t = 0; t < threads; t++)
        last = jobs[t].ended > last ? jobs[t].ended : last;
    return last;
}

double xo_time_batches(uintptr_t fn, const struct xo_batch *batches, const int *cpus, size_t threads, size_t calls) {
    pthread_t ids[MAX_THREADS];
    struct job jobs[MAX_THREADS];
    struct start start = {0, CLOSED};
    if (threads == 0 || threads > MAX_THREADS)
        return XO_TIMING_THREADS;
    size_t begun = 0;
    for (; begun < threads; begun++) {
        jobs[begun] = (struct job){fn, &batches[begun], calls, cpus[begun], &start, 0};
        if (pthread_create(&ids[begun], NULL, copy_when_open, &jobs[begun]))
            break;
    }
    while (atomic_load(&start.ready) < begun)
        sched_yield();
    const double began = xo_now_ns();
    atomic_store(&start.gate, begun == threads ? OPEN : CALLED_OFF);
    for (size_t t = 0; t < begun; t++)
        pthread_join(ids[t], NULL);
    return begun == threads ? last_end(jobs, threads) - began : XO_TIMING_THREADS;
}
