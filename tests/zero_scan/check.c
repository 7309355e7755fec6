/* Every zero-scan kernel of the table that this CPU runs: all sizes up to 260 at all offsets modulo a cache line, against
   pages that must not be touched, with a bit at every place. Prints how many scans were made; 1 where one was wrong. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "copy/api.h"
#include "zero_scan/api.h"

#define PAGE 4096
#define MOST 260

static uint8_t *guarded_page(void)
{
    uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
        return NULL;
    return pages + PAGE;
}

static unsigned long scans;

static int wrong(const struct xo_zero_kernel *k, const uint8_t *bytes, size_t n, int expected)
{
    scans++;
    if (!!k->fn(bytes, n) == expected && !!k->timed(NULL, bytes, n) == expected)
        return 0;
    printf("%s: %zu bytes: not %d\n", k->name, n, expected);
    return 1;
}

/* Zeros, then zeros with one bit somewhere; what lies beside them is set. */
static int check(const struct xo_zero_kernel *k, uint8_t *page, size_t offset, size_t n)
{
    uint8_t *bytes = page + offset;
    memset(page, 0xff, PAGE);
    memset(bytes, 0, n);
    int failed = wrong(k, bytes, n, 1);
    for (size_t at = 0; at < n; at += n < 70 ? 1 : 17 + (n * 7 + at) % 29) {
        bytes[at] = (uint8_t)(1 << at % 8);
        failed |= wrong(k, bytes, n, 0);
        bytes[at] = 0;
    }
    return failed;
}

int main(void)
{
    size_t count;
    const struct xo_zero_kernel *kernels = xo_zero_kernels(&count);
    uint8_t *page = guarded_page();
    int failed = page == NULL;
    for (size_t i = 0; i < count && !failed; i++)
        for (size_t n = 0; n <= MOST && kernels[i].runnable; n++) {
            failed |= check(&kernels[i], page, n % 64, n) | check(&kernels[i], page, PAGE - n, n);
            failed |= check(&kernels[i], page, n * 37 % 64, n);
        }
    printf("%lu scans\n", scans);
    return failed;
}
