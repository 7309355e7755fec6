/* The small copy with few branches, generic over the vector, for sizes that no branch predictor learns.

   Included after blocks.h by a file that has defined
     spread_below_vec(dst, src, n)  n < WIDTH, with as few branches as the ISA allows */

/* n up to four vectors. From one on no branch: four vectors whose places coincide where n is small. */
BLOCK void small_copy(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    (void)k;
    if (n < WIDTH) {
        spread_below_vec(dst, src, n);
        return;
    }
    const size_t last = n - WIDTH;
    size_t second = WIDTH < last ? WIDTH : last, third = 2 * WIDTH < last ? 2 * WIDTH : last;
    XO_IN_REGISTER(second);
    XO_IN_REGISTER(third);
    const VEC a = load_vec1(src), b = load_vec1(src + second);
    const VEC c = load_vec1(src + third), d = load_vec1(src + last);
    XO_BARRIER();
    store_vec1(dst, a);
    store_vec1(dst + second, b);
    store_vec1(dst + third, c);
    store_vec1(dst + last, d);
}
