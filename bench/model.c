#include "bench/model.h"

#include "bench/bench.h"
#include "conf/config.h"
#include "infer/model.h"
#include "model/registry.h"

struct om_model *om_bench_model(const struct om_bench_opts *opts,
                                const struct om_model_opts *model_opts, struct om_error *err)
{
    if (!opts->model) {
        om_error_set(err, OM_NOT_FOUND, "this benchmark needs a model");
        om_error_hint(err, "give --model NAME or --model FILE.onnx");
        return NULL;
    }
    om_auto(om_conf) conf = om_conf_load(NULL, err);
    return conf ? om_registry_load(conf->home, opts->model, model_opts, err) : NULL;
}
