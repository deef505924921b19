#include "pipeline/models.h"

#include <stdio.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "conf/opt.h"
#include "infer/device.h"
#include "infer/engine.h"
#include "infer/model.h"
#include "model/registry.h"

struct loaded {
    struct om_list link;
    char *reference;  // what the user wrote
    struct om_engine *engine;
};

struct om_engines {
    // Constant after create.
    char *home;
    struct om_infer_opts infer;

    struct om_mutex lock;
    struct om_list loaded;  // under `lock`
};

struct om_engines *om_engines_create(const struct om_engines_opts *opts)
{
    struct om_engines *engines = om_new(struct om_engines);
    engines->home = om_strdup(opts->home);
    om_opt_defaults(&om_infer_opt_group, &engines->infer);
    if (opts->infer)
        om_opt_copy(&om_infer_opt_group, &engines->infer, opts->infer);
    om_infer_opts_choose(&engines->infer, (int)sysconf(_SC_NPROCESSORS_ONLN));
    om_device_metrics_register();
    om_mutex_init(&engines->lock);
    om_list_init(&engines->loaded);
    return engines;
}

void om_engines_destroy(struct om_engines *engines)
{
    if (!engines)
        return;
    om_list_each(loaded, &engines->loaded, struct loaded, link)
    {
        om_engine_destroy(loaded->engine);
        om_free(loaded->reference);
        om_free(loaded);
    }
    om_mutex_finish(&engines->lock);
    om_free(engines->home);
    om_opt_finish(&om_infer_opt_group, &engines->infer);
    om_free(engines);
}

static struct om_engine *load(struct om_engines *engines, const char *model, struct om_error *err)
{
    const struct om_infer_opts *infer = &engines->infer;
    const struct om_model_opts model_opts = {
        .threads = infer->threads,
        .providers = infer->providers,
        .instances = infer->instances,
        .fp16 = infer->fp16,
        .device_memory_max = infer->device_memory,
        .home = infer->engine_cache ? engines->home : NULL,
    };
    struct om_model *ready = om_registry_load(engines->home, model, &model_opts, err);
    if (!ready)
        return NULL;
    const struct om_engine_opts opts = {0};
    return om_engine_create(ready, &opts, err);
}

struct om_engine *om_engines_get(struct om_engines *engines, const char *model,
                                 struct om_error *err)
{
    // Held while loading: two cameras that ask for the same model load it once.
    om_with_lock(&engines->lock);
    om_list_each(loaded, &engines->loaded, struct loaded, link)
    {
        if (om_str_equal(om_str_from(loaded->reference), om_str_from(model)))
            return loaded->engine;
    }
    struct om_engine *engine = load(engines, model, err);
    if (!engine)
        return NULL;
    struct loaded *loaded = om_new(struct loaded);
    loaded->reference = om_strdup(model);
    loaded->engine = engine;
    om_list_push(&engines->loaded, &loaded->link);
    return engine;
}
