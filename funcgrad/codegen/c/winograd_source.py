"""Winograd's convolution in C: the file that `winograd.py` compiles."""

from __future__ import annotations

__all__ = ["SOURCE"]

SOURCE = r"""
#pragma GCC optimize("fp-contract=fast")
#pragma STDC FP_CONTRACT ON
#ifdef _OPENMP
extern int omp_get_max_threads(void);
extern int omp_get_thread_num(void);
#else
#define omp_get_max_threads() 1
#define omp_get_thread_num() 0
#endif

/* Registers of VECTOR floats. A product fills ROWS x WIDTH of them with sums, a narrow one where WIDE does not fit. */
#if defined(__AVX512F__)
enum { VECTOR = 16, WIDE = 4, WIDE_ROWS = 6, NARROW = 2, NARROW_ROWS = 12, INNER = 2, INNER_ROWS = 8 };
#elif defined(__AVX__)
enum { VECTOR = 8, WIDE = 2, WIDE_ROWS = 6, NARROW = 2, NARROW_ROWS = 6, INNER = 2, INNER_ROWS = 4 };
#else
enum { VECTOR = 4, WIDE = 4, WIDE_ROWS = 6, NARROW = 4, NARROW_ROWS = 6, INNER = 4, INNER_ROWS = 4 };
#endif
enum {
    CHANNELS = 16,           /* so many side by side in a block of transformed images */
    APART = 16,              /* floats between positions: so 16 rows do not fall on one line of the cache */
    TILES = 66,              /* of one step of a thread, which stay in the second cache with all that is made of them */
    /* for d(weights) */
    PANEL = INNER * VECTOR,  /* columns of a product */
    MOST_PARTS = 16,
    FEWEST_PARTS = 8,        /* else many threads would have nothing to do */
    SUMS = 1 << 21,          /* floats of the sums of all parts */
    STEP = 3 << 15,          /* floats of both operands that a thread transforms at a time */
    CHUNK = 1 << 20,         /* and that all threads do */
    TERMS = 64               /* that are added up before they are added to the rest: a long sum loses less so */
};
typedef float vector __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16")

INLINE vector load(const float *p) { return *(const vector *)p; }
INLINE void store(float *p, vector x) { *(vector *)p = x; }
INLINE long least(long a, long b) { return a < b ? a : b; }
INLINE long pieces(long a, long b) { return (a + b - 1) / b; }

/* Images of `h` x `w` pixels whose windows begin `top` and `left` of the first one, `rows` x `columns` windows; tiles
   of 2 x 2 windows, numbered through. */
typedef struct { long n, h, w, c, top, left, rows, columns, o, down, across, tiles; } sizes;

INLINE sizes sizes_of(long n, long h, long w, long c, long top, long left, long rows, long columns, long o)
{
    const long down = pieces(rows, 2), across = pieces(columns, 2);
    return (sizes){n, h, w, c, top, left, rows, columns, o, down, across, n * down * across};
}

/* The 4 x 4 pixels that the windows of a tile see; outside of the image they are zero. */
INLINE void pixels(const sizes *s, const float *x, const float *zeros, long tile, const float *found[4][4])
{
    const long n = tile / (s->down * s->across);
    const long top = tile / s->across % s->down * 2 - s->top, left = tile % s->across * 2 - s->left;
    for (long i = 0; i < 4; i++)
        for (long j = 0; j < 4; j++) {
            const int inside = (top + i >= 0) & (top + i < s->h) & (left + j >= 0) & (left + j < s->w);
            found[i][j] = inside ? x + ((n * s->h + top + i) * s->w + left + j) * s->c : zeros;
        }
}

/* The 2 x 2 windows of a tile in an array of `rows` x `columns`; those beyond its edge are `other`. */
INLINE void windows(const sizes *s, float *y, float *other, long tile, float *found[2][2])
{
    const long n = tile / (s->down * s->across);
    const long row = tile / s->across % s->down * 2, column = tile % s->across * 2;
    for (long i = 0; i < 2; i++)
        for (long j = 0; j < 2; j++) {
            const int inside = (row + i < s->rows) & (column + j < s->columns);
            found[i][j] = inside ? y + ((n * s->rows + row + i) * s->columns + column + j) * s->o : other;
        }
}

/* B' d B of 4 x 4 pixels, with B' = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1]; each of its elements `apart` floats on. */
INLINE void transformed_pixels(const float *d[4][4], long channel, float *to, long apart)
{
    vector a[4][4], b[4][4];
    UNROLLED for (int i = 0; i < 4; i++) UNROLLED for (int j = 0; j < 4; j++) a[i][j] = load(d[i][j] + channel);
    UNROLLED for (int j = 0; j < 4; j++) {
        b[0][j] = a[0][j] - a[2][j], b[1][j] = a[1][j] + a[2][j];
        b[2][j] = a[2][j] - a[1][j], b[3][j] = a[1][j] - a[3][j];
    }
    UNROLLED for (int i = 0; i < 4; i++) {
        store(to + (4 * i) * apart, b[i][0] - b[i][2]);
        store(to + (4 * i + 1) * apart, b[i][1] + b[i][2]);
        store(to + (4 * i + 2) * apart, b[i][2] - b[i][1]);
        store(to + (4 * i + 3) * apart, b[i][1] - b[i][3]);
    }
}

/* G w G' of 3 x 3 weights, with G = [1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1]. */
INLINE void transformed_weights(const float *w, long next, int turned, float *to, long apart)
{
    vector a[3][3], b[4][3];
    UNROLLED for (int i = 0; i < 3; i++)
        UNROLLED for (int j = 0; j < 3; j++) a[i][j] = load(w + (turned ? 8 - 3 * i - j : 3 * i + j) * next);
    UNROLLED for (int j = 0; j < 3; j++) {
        const vector even = 0.5f * (a[0][j] + a[2][j]), odd = 0.5f * a[1][j];
        b[0][j] = a[0][j], b[1][j] = even + odd, b[2][j] = even - odd, b[3][j] = a[2][j];
    }
    UNROLLED for (int i = 0; i < 4; i++) {
        const vector even = 0.5f * (b[i][0] + b[i][2]), odd = 0.5f * b[i][1];
        store(to + (4 * i) * apart, b[i][0]);
        store(to + (4 * i + 1) * apart, even + odd);
        store(to + (4 * i + 2) * apart, even - odd);
        store(to + (4 * i + 3) * apart, b[i][2]);
    }
}

/* All weights (3, 3, c, o), transformed, in panels of so many outputs: [position][panel][input][output in it]. */
static void panels(const float *w, float *to, long c, long o, long panel)
{
    const long apart = c * o + APART;
    #pragma omp for schedule(static)
    for (long i = 0; i < c; i++)
        for (long j = 0; j < o; j += VECTOR)
            transformed_weights(w + i * o + j, c * o, 0, to + (j / panel * c + i) * panel + j % panel, apart);
}

/* The same where inputs and outputs have changed places, and each window is turned around: weights (3, 3, o, c). */
static void turned_panels(const float *w, float *to, long c, long o, long panel)
{
    const long apart = c * o + APART;
    #pragma omp for schedule(static)
    for (long i = 0; i < c; i += VECTOR)
        for (long j = 0; j < o; j += VECTOR) {
            float block[16][VECTOR][VECTOR];
            for (long k = 0; k < VECTOR; k++)
                transformed_weights(w + (j + k) * c + i, c * o, 1, block[0][k], VECTOR * VECTOR);
            for (long p = 0; p < 16; p++)
                for (long k = 0; k < VECTOR; k++)
                    for (long l = 0; l < VECTOR; l++)
                        to[p * apart + (j / panel * c + i + k) * panel + j % panel + l] = block[p][l][k];
        }
}

/* `rows` rows of a (count numbers each, `a_row` on from one to the next row and `a_step` from one to the next number)
   times a panel b of `width` vectors, into or onto rows of y. */
INLINE void product(const int rows, const int width, const int onto, const float *a, long a_row, long a_step,
                    const float *b, long count, float *y, long y_row)
{
    vector sums[12][4]; /* of which `rows` x `width` are used: no array of their own size, which would be in memory */
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < width; j++) sums[i][j] = (vector){0};
    #pragma GCC unroll 1
    for (long k = 0; k < count; k++) {
        vector each[4];
        UNROLLED for (int j = 0; j < width; j++) each[j] = load(b + (k * width + j) * VECTOR);
        UNROLLED for (int i = 0; i < rows; i++) {
            const float x = a[i * a_row + k * a_step];
            UNROLLED for (int j = 0; j < width; j++) sums[i][j] += x * each[j];
        }
    }
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < width; j++) {
            float *to = y + i * y_row + j * VECTOR;
            if (onto) sums[i][j] += load(to);
            store(to, sums[i][j]);
        }
}

static void wide(const float *a, const float *b, long c, float *y, long o)
{ product(WIDE_ROWS, WIDE, 0, a, c, 1, b, c, y, o); }
static void narrow(const float *a, const float *b, long c, float *y, long o)
{ product(NARROW_ROWS, NARROW, 0, a, c, 1, b, c, y, o); }
static void first(const float *a, const float *b, long tiles, float *y, long o)
{ product(INNER_ROWS, INNER, 0, a, 1, CHANNELS, b, tiles, y, o); }
static void further(const float *a, const float *b, long tiles, float *y, long o)
{ product(INNER_ROWS, INNER, 1, a, 1, CHANNELS, b, tiles, y, o); }

/* A' m A with A' = [1 1 1 0; 0 1 -1 -1]; returns zeros, and NaN where something is not finite. */
INLINE vector finish(const float *m, long apart, float *y[2][2], long channel)
{
    vector a[4][4], b[2][4];
    UNROLLED for (int i = 0; i < 4; i++)
        UNROLLED for (int j = 0; j < 4; j++) a[i][j] = load(m + (4 * i + j) * apart + channel);
    UNROLLED for (int j = 0; j < 4; j++) {
        b[0][j] = a[0][j] + a[1][j] + a[2][j];
        b[1][j] = a[1][j] - a[2][j] - a[3][j];
    }
    vector bad = {0};
    UNROLLED for (int i = 0; i < 2; i++) {
        const vector l = b[i][0] + b[i][1] + b[i][2], r = b[i][1] - b[i][2] - b[i][3];
        store(y[i][0] + channel, l);
        store(y[i][1] + channel, r);
        bad += 0.0f * l + 0.0f * r;
    }
    return bad;
}

INLINE int any(vector bad)
{
    int found = 0;
    for (int i = 0; i < VECTOR; i++) found |= bad[i] != bad[i];
    return found;
}

long threads(long long unused) { return omp_get_max_threads(); }

/* How many tiles a thread takes at a time: as many for each thread. */
static long step_of(long tiles, long team)
{
    const long each = pieces(tiles, team);
    return pieces(each, pieces(each, TILES));
}

/* The floats of scratch memory of `windowed`. */
long windowed_scratch(long long n, long long rows, long long columns, long long c, long long o, long long team)
{
    const long step = step_of(n * pieces(rows, 2) * pieces(columns, 2), team) + WIDE_ROWS + NARROW_ROWS;
    return 16 * (c * o + APART) + c + team * (16 * (step * (c + o) + 2 * APART) + o);
}

/* Images (n, h, w, c) with weights (3, 3, c, o), or with turned ones (3, 3, o, c), as (n, rows, columns, o).
   Returns 1 where a result is not finite. */
long windowed(long long images, long long weights, long long result, long long scratch, long long team, long long n,
              long long h, long long w, long long c, long long top, long long left, long long rows, long long columns,
              long long o, long long turned)
{
    const sizes s = sizes_of(n, h, w, c, top, left, rows, columns, o);
    const int is_wide = o % (WIDE * VECTOR) == 0;
    const long panel = (is_wide ? WIDE : NARROW) * VECTOR, each = is_wide ? WIDE_ROWS : NARROW_ROWS;
    const long step = step_of(s.tiles, team), padded = pieces(step, each) * each;
    const long apart = c * o + APART, apart_v = padded * c + APART, apart_m = padded * o + APART;
    float *u = (float *)scratch, *zeros = u + 16 * apart, *rest = zeros + c;
    int bad = 0;
    for (long i = 0; i < c; i++) zeros[i] = 0;
    #pragma omp parallel num_threads(team) reduction(|:bad)
    {
        float *v = rest + omp_get_thread_num() * (16 * (apart_v + apart_m) + o), *m = v + 16 * apart_v;
        float *other = m + 16 * apart_m;
        vector found = {0};
        (turned ? turned_panels : panels)((const float *)weights, u, c, o, panel);
        #pragma omp for schedule(dynamic)
        for (long from = 0; from < s.tiles; from += step) {
            const long count = least(step, s.tiles - from);
            for (long t = 0; t < count; t++) {
                const float *seen[4][4];
                pixels(&s, (const float *)images, zeros, from + t, seen);
                for (long k = 0; k < c; k += VECTOR) transformed_pixels(seen, k, v + t * c + k, apart_v);
            }
            for (long p = 0; p < 16; p++)
                for (long k = 0; k < o; k += panel)
                    for (long t = 0; t < count; t += each)
                        (is_wide ? wide : narrow)(v + p * apart_v + t * c, u + p * apart + k * c, c,
                                                  m + p * apart_m + t * o + k, o);
            for (long t = 0; t < count; t++) {
                float *seen[2][2];
                windows(&s, (float *)result, other, from + t, seen);
                for (long k = 0; k < o; k += VECTOR) found += finish(m + t * o, apart_m, seen, k);
            }
        }
        bad |= any(found);
    }
    return bad;
}

/* How a gradient of weights is cut: into parts of the tiles, each with sums of its own, which one thread adds up in
   steps that stay in the second cache; or, where the sums are too many for that, into positions and channels. */
typedef struct { long parts, step; } cut;

static cut cut_of(long tiles, long c, long o)
{
    const long parts = least(least(MOST_PARTS, SUMS / (16 * c * o)), pieces(tiles, TERMS)), each = 16 * (c + o);
    if (parts < FEWEST_PARTS) return (cut){1, least(tiles, CHUNK / each > 128 ? CHUNK / each : 128)};
    return (cut){parts, least(pieces(tiles, parts), STEP / each > 48 ? STEP / each : 48)};
}

/* The floats of scratch memory of `weighted`. */
long weighted_scratch(long long n, long long rows, long long columns, long long c, long long o, long long team)
{
    const cut by = cut_of(n * pieces(rows, 2) * pieces(columns, 2), c, o);
    const long operands = 16 * (by.step * (c + o) + 2 * APART);
    return (by.parts > 1 ? team : 1) * operands + by.parts * 16 * (c * o + APART) + c + o;
}

/* Tile t of `count`, transformed: [position][block of CHANNELS][tile][channel], and its gradient in blocks of PANEL. */
static void transformed(const sizes *s, const float *images, const float *gradient, const float *zeros, long tile,
                        long t, long count, float *v, long apart_v, float *g, long apart_g)
{
    const float *seen[4][4];
    float *given[2][2];
    pixels(s, images, zeros, tile, seen);
    windows(s, (float *)gradient, (float *)zeros, tile, given);
    for (long k = 0; k < s->c; k += VECTOR)
        transformed_pixels(seen, k, v + (k / CHANNELS * count + t) * CHANNELS + k % CHANNELS, apart_v);
    for (long k = 0; k < s->o; k += VECTOR) {
        /* A g A' */
        vector a[2][2], b[4][2];
        float *to = g + (k / PANEL * count + t) * PANEL + k % PANEL;
        UNROLLED for (int i = 0; i < 2; i++) UNROLLED for (int j = 0; j < 2; j++) a[i][j] = load(given[i][j] + k);
        UNROLLED for (int j = 0; j < 2; j++)
            b[0][j] = a[0][j], b[1][j] = a[0][j] + a[1][j], b[2][j] = a[0][j] - a[1][j], b[3][j] = -a[1][j];
        UNROLLED for (int i = 0; i < 4; i++) {
            store(to + (4 * i) * apart_g, b[i][0]);
            store(to + (4 * i + 1) * apart_g, b[i][0] + b[i][1]);
            store(to + (4 * i + 2) * apart_g, b[i][0] - b[i][1]);
            store(to + (4 * i + 3) * apart_g, -b[i][1]);
        }
    }
}

/* CHANNELS rows of a sum at one position: of so many transformed tiles, into or onto m. */
static void summed(int onto, const float *v, const float *g, long count, float *m, long o)
{
    for (long j = 0; j < o / PANEL; j++)
        for (long i = 0; i < CHANNELS; i += INNER_ROWS)
            for (long t = 0; t < count; t += TERMS)
                (onto | (t > 0) ? further : first)(v + t * CHANNELS + i, g + (j * count + t) * PANEL,
                                                   least(TERMS, count - t), m + i * o + j * PANEL, o);
}

/* The gradient of weights (3, 3, c, o): of images (n, h, w, c), and that of their windows (n, rows, columns, o).
   Returns 1 where it is not finite. */
long weighted(long long images, long long gradient, long long result, long long scratch, long long team, long long n,
              long long h, long long w, long long c, long long top, long long left, long long rows, long long columns,
              long long o)
{
    const sizes s = sizes_of(n, h, w, c, top, left, rows, columns, o);
    const float *x = (const float *)images, *y = (const float *)gradient;
    const cut by = cut_of(s.tiles, c, o);
    const long blocks = c / CHANNELS, apart_v = by.step * c + APART, apart_g = by.step * o + APART;
    const long apart = c * o + APART;
    float *m = (float *)scratch, *zeros = m + by.parts * 16 * apart, *rest = zeros + c + o;
    int bad = 0;
    for (long i = 0; i < c + o; i++) zeros[i] = 0;
    #pragma omp parallel num_threads(team) reduction(|:bad)
    {
        if (by.parts > 1) {
            float *v = rest + omp_get_thread_num() * 16 * (apart_v + apart_g), *g = v + 16 * apart_v;
            #pragma omp for schedule(dynamic)
            for (long part = 0; part < by.parts; part++) {
                const long start = s.tiles * part / by.parts, end = s.tiles * (part + 1) / by.parts;
                for (long from = start; from < end; from += by.step) {
                    const long count = least(by.step, end - from);
                    for (long t = 0; t < count; t++)
                        transformed(&s, x, y, zeros, from + t, t, count, v, apart_v, g, apart_g);
                    for (long p = 0; p < 16; p++)
                        for (long k = 0; k < blocks; k++)
                            summed(from > start, v + p * apart_v + k * count * CHANNELS, g + p * apart_g, count,
                                   m + (part * 16 + p) * apart + k * CHANNELS * o, o);
                }
            }
        } else {
            float *v = rest, *g = v + 16 * apart_v;
            for (long from = 0; from < s.tiles; from += by.step) {
                const long count = least(by.step, s.tiles - from);
                #pragma omp for schedule(static)
                for (long t = 0; t < count; t++)
                    transformed(&s, x, y, zeros, from + t, t, count, v, apart_v, g, apart_g);
                #pragma omp for schedule(dynamic)
                for (long part = 0; part < 16 * blocks; part++) {
                    const long p = part / blocks, k = part % blocks;
                    summed(from > 0, v + p * apart_v + k * count * CHANNELS, g + p * apart_g, count,
                           m + p * apart + k * CHANNELS * o, o);
                }
            }
        }
        vector found = {0};
        #pragma omp for schedule(static)
        for (long i = 0; i < c; i++)
            for (long j = 0; j < o; j += VECTOR) {
                /* G' m G */
                vector a[4][4], b[3][4];
                UNROLLED for (int k = 0; k < 4; k++)
                    UNROLLED for (int l = 0; l < 4; l++) {
                        const float *from = m + (4 * k + l) * apart + i * o + j;
                        a[k][l] = load(from);
                        for (long part = 1; part < by.parts; part++) a[k][l] += load(from + part * 16 * apart);
                    }
                UNROLLED for (int l = 0; l < 4; l++) {
                    const vector even = 0.5f * (a[1][l] + a[2][l]);
                    b[0][l] = a[0][l] + even, b[1][l] = 0.5f * (a[1][l] - a[2][l]), b[2][l] = even + a[3][l];
                }
                UNROLLED for (int k = 0; k < 3; k++) {
                    const vector even = 0.5f * (b[k][1] + b[k][2]);
                    const vector l = b[k][0] + even, middle = 0.5f * (b[k][1] - b[k][2]), r = even + b[k][3];
                    float *to = (float *)result + (3 * k * c + i) * o + j;
                    store(to, l);
                    store(to + c * o, middle);
                    store(to + 2 * c * o, r);
                    found += 0.0f * l + 0.0f * middle + 0.0f * r;
                }
            }
        bad |= any(found);
    }
    return bad;
}
"""
