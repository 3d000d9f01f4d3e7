"""What is used of the C interfaces of oneDNN 3.2 and OpenMP: the wheel brings the library alone, without headers."""

DECLARATIONS = """
typedef int64_t dnnl_dims_t[12];
typedef struct dnnl_engine *dnnl_engine_t;
typedef struct dnnl_stream *dnnl_stream_t;
typedef struct dnnl_memory_desc *dnnl_memory_desc_t;
typedef struct dnnl_memory *dnnl_memory_t;
typedef struct dnnl_primitive_desc *dnnl_primitive_desc_t;
typedef struct dnnl_primitive *dnnl_primitive_t;
typedef struct dnnl_primitive_attr *dnnl_primitive_attr_t;
typedef struct dnnl_post_ops *dnnl_post_ops_t;
typedef struct { int arg; dnnl_memory_t memory; } dnnl_exec_arg_t;

int dnnl_get_effective_cpu_isa(void);
int dnnl_engine_create(dnnl_engine_t *engine, int kind, size_t index);
int dnnl_stream_create(dnnl_stream_t *stream, dnnl_engine_t engine, unsigned flags);
int dnnl_stream_destroy(dnnl_stream_t stream);

int dnnl_memory_desc_create_with_strides(
    dnnl_memory_desc_t *desc, int ndims, const dnnl_dims_t dims, int data_type, const dnnl_dims_t strides);
int dnnl_memory_desc_create_with_tag(
    dnnl_memory_desc_t *desc, int ndims, const dnnl_dims_t dims, int data_type, int tag);
int dnnl_memory_desc_clone(dnnl_memory_desc_t *desc, dnnl_memory_desc_t existing);
int dnnl_memory_desc_destroy(dnnl_memory_desc_t desc);
int dnnl_memory_desc_equal(dnnl_memory_desc_t a, dnnl_memory_desc_t b);
size_t dnnl_memory_desc_get_size(dnnl_memory_desc_t desc);

int dnnl_memory_create(dnnl_memory_t *memory, dnnl_memory_desc_t desc, dnnl_engine_t engine, void *handle);
int dnnl_memory_set_data_handle(dnnl_memory_t memory, void *handle);
int dnnl_memory_destroy(dnnl_memory_t memory);

int dnnl_primitive_attr_create(dnnl_primitive_attr_t *attr);
int dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attr);
int dnnl_primitive_attr_set_scratchpad_mode(dnnl_primitive_attr_t attr, int mode);
int dnnl_primitive_attr_set_post_ops(dnnl_primitive_attr_t attr, dnnl_post_ops_t post_ops);
int dnnl_post_ops_create(dnnl_post_ops_t *post_ops);
int dnnl_post_ops_destroy(dnnl_post_ops_t post_ops);
int dnnl_post_ops_append_eltwise(dnnl_post_ops_t post_ops, int kind, float alpha, float beta);

int dnnl_primitive_desc_query(dnnl_primitive_desc_t desc, int what, int index, void *result);
dnnl_memory_desc_t dnnl_primitive_desc_query_md(dnnl_primitive_desc_t desc, int what, int index);
int dnnl_primitive_desc_destroy(dnnl_primitive_desc_t desc);
int dnnl_primitive_create(dnnl_primitive_t *primitive, dnnl_primitive_desc_t desc);
int dnnl_primitive_execute(
    dnnl_primitive_t primitive, dnnl_stream_t stream, int count, const dnnl_exec_arg_t *arguments);
int dnnl_primitive_destroy(dnnl_primitive_t primitive);

int dnnl_reorder_primitive_desc_create(
    dnnl_primitive_desc_t *desc, dnnl_memory_desc_t source, dnnl_engine_t source_engine, dnnl_memory_desc_t target,
    dnnl_engine_t target_engine, dnnl_primitive_attr_t attr);
int dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, int propagation, int algorithm, dnnl_memory_desc_t source,
    dnnl_memory_desc_t weights, dnnl_memory_desc_t bias, dnnl_memory_desc_t target, const dnnl_dims_t strides,
    const dnnl_dims_t dilations, const dnnl_dims_t low, const dnnl_dims_t high, dnnl_primitive_attr_t attr);
int dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, int algorithm, dnnl_memory_desc_t source,
    dnnl_memory_desc_t weights, dnnl_memory_desc_t target, const dnnl_dims_t strides, const dnnl_dims_t dilations,
    const dnnl_dims_t low, const dnnl_dims_t high, dnnl_primitive_desc_t forward, dnnl_primitive_attr_t attr);
int dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, int algorithm, dnnl_memory_desc_t source,
    dnnl_memory_desc_t weights, dnnl_memory_desc_t bias, dnnl_memory_desc_t target, const dnnl_dims_t strides,
    const dnnl_dims_t dilations, const dnnl_dims_t low, const dnnl_dims_t high, dnnl_primitive_desc_t forward,
    dnnl_primitive_attr_t attr);
int dnnl_matmul_primitive_desc_create(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_memory_desc_t source, dnnl_memory_desc_t weights,
    dnnl_memory_desc_t bias, dnnl_memory_desc_t target, dnnl_primitive_attr_t attr);

int omp_get_max_threads(void);
int omp_get_thread_limit(void);
void omp_set_num_threads(int threads);
int omp_get_dynamic(void);
void omp_set_dynamic(int dynamic);
int omp_in_parallel(void);
int omp_pause_resource_all(int kind);
"""

MOST_AXES = 12
CPU = 1
HAS_AVX2 = 4
STREAM_IN_ORDER = 1
FLOAT32 = 3
ANY_LAYOUT = 1
TRAINING = 64
DIRECT = 1  # the algorithm of convolutions: sums of products as written, not Winograd's
RELU = 32
SCRATCH_BY_CALLER = 1
PAUSE_HARD = 2
STATUS = {1: "out of memory", 2: "invalid arguments", 3: "unimplemented", 5: "runtime error", 6: "not required"}
OUT_OF_MEMORY, UNIMPLEMENTED = 1, 3
ALIGNMENT = 64  # bytes, for vector loads

# which memory an argument of a primitive is, and by what its descriptor is asked for
SOURCE, TARGET, WEIGHTS, BIAS, SCRATCH = 1, 17, 33, 41, 80
SOURCE_GRADIENT, TARGET_GRADIENT, WEIGHTS_GRADIENT, BIAS_GRADIENT = 129, 145, 161, 169
QUERY_IMPLEMENTATION, QUERY_SCRATCH = 8, 136
QUERY = {
    SOURCE: 129,
    SOURCE_GRADIENT: 130,
    WEIGHTS: 131,
    WEIGHTS_GRADIENT: 132,
    TARGET: 133,
    TARGET_GRADIENT: 134,
}
