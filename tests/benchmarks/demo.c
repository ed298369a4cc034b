/* micrograd's demo step in C by hand: MLP 2-16-16-1, 100 examples, hinge loss and L2, plain gradient step with its falling
   rate. One neuron's row of parameters is its weights, then its bias. */
#include <string.h>
typedef REAL real;
enum { N = 100, P = 337, A = 48, B = 320 };

/* One example at a time: the compiler vectorises along the neurons. */
static void step_one(real *restrict p, const real *restrict X, const real *restrict Y, real *restrict g, real rate)
{
    real h1[16], h2[16], d1[16], d2[16];
    const real *w1 = p, *w2 = p + A, *w3 = p + B;
    real *g1 = g, *g2 = g + A, *g3 = g + B;
    for (int i = 0; i < P; i++) g[i] = (real)2e-4 * p[i];
    for (int e = 0; e < N; e++) {
        const real *x = X + 2 * e;
        for (int j = 0; j < 16; j++) { real a = w1[3*j+2] + w1[3*j] * x[0] + w1[3*j+1] * x[1]; h1[j] = a > 0 ? a : 0; }
        for (int j = 0; j < 16; j++) {
            real a = w2[17*j+16];
            for (int k = 0; k < 16; k++) a += w2[17*j+k] * h1[k];
            h2[j] = a > 0 ? a : 0;
        }
        real s = w3[16];
        for (int k = 0; k < 16; k++) s += w3[k] * h2[k];
        real d = (1 - Y[e] * s > 0) ? -Y[e] / N : 0;
        for (int k = 0; k < 16; k++) { g3[k] += d * h2[k]; d2[k] = h2[k] > 0 ? d * w3[k] : 0; }
        g3[16] += d;
        for (int k = 0; k < 16; k++) d1[k] = 0;
        for (int j = 0; j < 16; j++) {
            real q = d2[j];
            for (int k = 0; k < 16; k++) { g2[17*j+k] += q * h1[k]; d1[k] += q * w2[17*j+k]; }
            g2[17*j+16] += q;
        }
        for (int j = 0; j < 16; j++) {
            real q = h1[j] > 0 ? d1[j] : 0;
            g1[3*j] += q * x[0]; g1[3*j+1] += q * x[1]; g1[3*j+2] += q;
        }
    }
    for (int i = 0; i < P; i++) p[i] -= rate * g[i];
}

/* Lanes over examples: vectors as wide as the registers, two vectors at a time, four neurons at a time. */
#if defined __AVX512F__
#define WIDE 64
#elif defined __AVX__
#define WIDE 32
#else
#define WIDE 16
#endif
enum { W = WIDE / sizeof(real), G = 2, M = G * W, BLOCKS = (N + M - 1) / M };
typedef real vec __attribute__((vector_size(WIDE)));
typedef __typeof__((vec){0} > (vec){0}) mask;
static const vec zero;
static inline vec positive(vec m, vec a) { return (vec)((mask)a & (m > zero)); } /* a where m is positive, else 0 */

static void step_lanes(real *restrict p, const vec (*restrict x)[2][G], const vec (*restrict y)[G], vec *restrict s, int blocks,
                       real rate)
{
    const real *w1 = p, *w2 = p + A, *w3 = p + B;
    memset(s, 0, P * sizeof(vec));
    vec *s1 = s, *s2 = s + A, *s3 = s + B;
    for (int b = 0; b < blocks; b++) {
        vec h1[16][G], h2[16][G], d2[16][G], d[G], out[G];
        for (int j = 0; j < 16; j++)
            for (int c = 0; c < G; c++) {
                vec a = w1[3*j+2] + w1[3*j] * x[b][0][c] + w1[3*j+1] * x[b][1][c];
                h1[j][c] = positive(a, a);
            }
        for (int j = 0; j < 16; j += 4) {
            vec a[4][G];
            for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] = zero + w2[17*(j+u)+16];
            for (int k = 0; k < 16; k++)
                for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] += w2[17*(j+u)+k] * h1[k][c];
            for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) h2[j+u][c] = positive(a[u][c], a[u][c]);
        }
        for (int c = 0; c < G; c++) {
            out[c] = zero + w3[16];
            for (int k = 0; k < 16; k++) out[c] += w3[k] * h2[k][c];
            d[c] = positive(1 - y[b][c] * out[c], -y[b][c] / N); /* padding has y = 0 */
        }
        for (int k = 0; k < 16; k++) {
            vec t = s3[k];
            for (int c = 0; c < G; c++) { t += d[c] * h2[k][c]; d2[k][c] = positive(h2[k][c], d[c] * w3[k]); }
            s3[k] = t;
        }
        for (int c = 0; c < G; c++) s3[16] += d[c];
        for (int k = 0; k < 16; k += 4) {
            vec a[4][G];
            for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] = zero;
            for (int j = 0; j < 16; j++)
                for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] += w2[17*j+k+u] * d2[j][c];
            for (int u = 0; u < 4; u++) {
                vec t0 = s1[3*(k+u)], t1 = s1[3*(k+u)+1], t2 = s1[3*(k+u)+2];
                for (int c = 0; c < G; c++) {
                    vec q = positive(h1[k+u][c], a[u][c]);
                    t0 += q * x[b][0][c]; t1 += q * x[b][1][c]; t2 += q;
                }
                s1[3*(k+u)] = t0; s1[3*(k+u)+1] = t1; s1[3*(k+u)+2] = t2;
            }
        }
        for (int j = 0; j < 16; j++) {
            vec t = s2[17*j+16];
            for (int c = 0; c < G; c++) t += d2[j][c];
            s2[17*j+16] = t;
            for (int k = 0; k < 16; k++) {
                t = s2[17*j+k];
                for (int c = 0; c < G; c++) t += d2[j][c] * h1[k][c];
                s2[17*j+k] = t;
            }
        }
    }
    for (int i = 0; i < P; i++) {
        real t = 0;
        for (int l = 0; l < W; l++) t += s[i][l];
        p[i] -= rate * (t + (real)2e-4 * p[i]);
    }
}

/* The same after a forward pass that tells which examples count: those on the right side of the hinge have no gradient. */
static void step_support(real *restrict p, const vec (*restrict x)[2][G], const vec (*restrict y)[G], vec (*restrict px)[2][G],
                         vec (*restrict py)[G], vec *restrict s, real rate)
{
    const real *w1 = p, *w2 = p + A, *w3 = p + B;
    int n = 0;
    for (int b = 0; b < BLOCKS; b++) {
        vec h1[16][G], out[G];
        for (int j = 0; j < 16; j++)
            for (int c = 0; c < G; c++) {
                vec a = w1[3*j+2] + w1[3*j] * x[b][0][c] + w1[3*j+1] * x[b][1][c];
                h1[j][c] = positive(a, a);
            }
        for (int c = 0; c < G; c++) out[c] = zero + w3[16];
        for (int j = 0; j < 16; j += 4) {
            vec a[4][G];
            for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] = zero + w2[17*(j+u)+16];
            for (int k = 0; k < 16; k++)
                for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) a[u][c] += w2[17*(j+u)+k] * h1[k][c];
            for (int u = 0; u < 4; u++) for (int c = 0; c < G; c++) out[c] += w3[j+u] * positive(a[u][c], a[u][c]);
        }
        for (int c = 0; c < G; c++) {
            vec left = 1 - y[b][c] * out[c];
            for (int l = 0; l < W; l++)
                if (left[l] > 0 && b * M + c * W + l < N) {
                    int to = n / M, row = n % M / W, lane = n % W;
                    px[to][0][row][lane] = x[b][0][c][l];
                    px[to][1][row][lane] = x[b][1][c][l];
                    py[to][row][lane] = y[b][c][l];
                    n++;
                }
        }
    }
    if (2 * n > N) { step_lanes(p, x, y, s, BLOCKS, rate); return; }
    for (int e = n; e % M; e++) py[e / M][e % M / W][e % W] = 0;
    step_lanes(p, (const void *)px, (const void *)py, s, (n + M - 1) / M, rate);
}

static real rate_at(long k, long n) { return 1 - (real)0.9 * k / n; }

void train_one(real *p, const real *X, const real *Y, real *g, long n)
{
    for (long k = 0; k < n; k++) step_one(p, X, Y, g, rate_at(k, n));
}

static vec x[BLOCKS][2][G], y[BLOCKS][G], px[BLOCKS][2][G], py[BLOCKS][G], s[P];

static void lay_out(const real *X, const real *Y)
{
    for (int e = 0; e < BLOCKS * M; e++) {
        int b = e / M, c = e % M / W, l = e % W, i = e < N ? e : N - 1;
        x[b][0][c][l] = X[2*i]; x[b][1][c][l] = X[2*i+1]; y[b][c][l] = e < N ? Y[i] : 0;
    }
}

void train_lanes(real *p, const real *X, const real *Y, real *g, long n)
{
    (void)g;
    lay_out(X, Y);
    for (long k = 0; k < n; k++) step_lanes(p, (const void *)x, (const void *)y, s, BLOCKS, rate_at(k, n));
}

void train_support(real *p, const real *X, const real *Y, real *g, long n)
{
    (void)g;
    lay_out(X, Y);
    for (long k = 0; k < n; k++) step_support(p, (const void *)x, (const void *)y, px, py, s, rate_at(k, n));
}
