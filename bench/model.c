#include "bench/model.h"

#include "base/buf.h"
#include "base/file.h"
#include "bench/bench.h"
#include "conf/config.h"
#include "infer/model.h"
#include "model/registry.h"

struct om_model *om_bench_model(const struct om_bench_opts *opts,
                                const struct om_model_opts *model_opts, struct om_error *err)
{
    om_auto_buf in_data;
    om_buf_init(&in_data, 4096);
    om_buf_printf(&in_data, "%s/models/yolox_nano_416.onnx", opts->data ? opts->data : ".");
    const char *model = opts->model;
    if (!model && opts->data && om_file_exists(om_buf_text(&in_data)))
        model = om_buf_text(&in_data);
    if (!model) {
        om_error_set(err, OM_NOT_FOUND, "this benchmark needs a model");
        om_error_hint(err, "give --model NAME or --model FILE.onnx");
        return NULL;
    }
    om_auto(om_conf) conf = om_conf_load(NULL, err);
    return conf ? om_registry_load(conf->home, model, model_opts, err) : NULL;
}
