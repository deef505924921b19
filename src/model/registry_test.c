// A model's life: added through the gate, listed, found, verified, added again, removed; and
// everything that must be refused, which leaves no trace.

#include "model/registry.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/catalogue.h"
#include "model/verify.h"

enum { PATH_SIZE = 1024 };

static char home[64];
static const char *shared;

static bool add(const char *source, const char *manifest, const char *sha256,
                struct om_registry_entry *entry, struct om_error *err)
{
    const struct om_registry_add_opts opts = {
        .source = source, .manifest = manifest, .sha256 = sha256, .model = {.threads = 1}};
    return om_registry_add(home, &opts, entry, NULL, err);
}

static int count_left(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return count;
}

static void check_life(void)
{
    struct om_registry_entry entry, again;
    struct om_error err = {0};
    char path[OM_REGISTRY_PATH_SIZE];
    int count = 0;

    snprintf(path, sizeof(path), "%s/data/models/mnist.onnx", shared);
    om_assert(add(path, NULL, NULL, &entry, &err));
    om_assert(strcmp(entry.name, "mnist") == 0 && strcmp(entry.version, "0d715376572e") == 0);
    om_assert(entry.kind == OM_MODEL_CLASSIFIER && entry.class_count == 10 && entry.is_current);
    om_assert(strlen(entry.sha256) == 64 && entry.bytes == 26454);
    om_assert(strcmp(entry.licence, "MIT") == 0);

    om_auto_free struct om_registry_entry *list = om_registry_list(home, &count);
    om_assert(count == 1 && strcmp(list[0].added, entry.added) == 0);
    om_assert(om_registry_find(home, "mnist@0d71", &again, &err));
    om_assert(om_registry_resolve(home, "mnist", path, &err));
    om_assert(strcmp(path, entry.path) == 0);
    om_auto(om_model)
        model = om_registry_load(home, "mnist", &(struct om_model_opts){.threads = 1}, &err);
    om_assert(model && strcmp(om_model_manifest(model)->version, "0d715376572e") == 0);
    om_assert(om_model_manifest(model)->colour == OM_COLOUR_GREY);
    om_assert(!om_registry_find(home, "mnits", &again, &err) && strstr(err.hint, "\"mnist\""));
    om_assert(!om_registry_find(home, "mnist@ffff", &again, &err));
    om_assert(!om_registry_find(home, "../etc", &again, &err));
}

static void check_gate(void)
{
    struct om_registry_entry entry;
    struct om_verify_report report = {0};
    struct om_error err = {0};
    char reference[OM_REGISTRY_PATH_SIZE + 32];

    om_assert(om_registry_find(home, "mnist", &entry, &err));
    snprintf(reference, sizeof(reference), "%.*sreference.json",
             (int)(strrchr(entry.path, '/') + 1 - entry.path), entry.path);
    struct om_verify_opts opts = {.model = {.threads = 1}, .reference = reference};
    om_assert(om_model_verify(entry.path, NULL, &opts, &report, &err));
    om_assert(report.check_count == 5 && report.checks[3].outcome == OM_VERIFY_PASSED);

    // Other preprocessing gives other outputs than at import.
    om_auto(om_manifest) other = om_model_manifest_find(entry.path, &err);
    for (int c = 0; c < 3; c++)
        other->std[c] = 25;
    om_assert(!om_model_verify(entry.path, other, &opts, &report, &err));
    om_assert(report.checks[report.check_count - 1].outcome == OM_VERIFY_FAILED);
    om_assert(strstr(err.text, "imported") && err.hint[0]);
}

// A detector against a golden set, right and with the wrong colours.
static void check_golden(void)
{
    struct om_verify_report report = {0};
    struct om_error err = {0};
    char path[PATH_SIZE], golden[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/data/models/fastestdet_352.onnx", shared);
    snprintf(golden, sizeof(golden), "%s/data/expected/images/fastestdet_352.json", shared);
    struct om_verify_opts opts = {.model = {.threads = 1}, .golden = golden};
    om_assert(om_model_verify(path, NULL, &opts, &report, &err));
    om_auto(om_manifest) wrong = om_model_manifest_find(path, &err);
    wrong->std[0] = wrong->std[1] = wrong->std[2] = 1;
    om_assert(!om_model_verify(path, wrong, &opts, &report, &err));
    om_assert(strstr(err.text, "missing") && strstr(err.hint, "colour"));
    opts.golden = "/nowhere";
    om_assert(!om_model_verify(path, NULL, &opts, &report, &err));
}

static void check_refused(void)
{
    char models[80], broken[80], manifest[80], path[PATH_SIZE];
    struct om_registry_entry entry;
    struct om_error err = {0};
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

    snprintf(models, sizeof(models), "%s/models", home);
    snprintf(broken, sizeof(broken), "%s/broken.onnx", home);
    snprintf(manifest, sizeof(manifest), "%s/m.yaml", home);
    snprintf(path, sizeof(path), "%s/data/models/yunet_n_640.onnx", shared);
    int before = count_left(models);
    om_assert(om_file_write(broken, OM_STR("\x08\x07\x12\x03onn"), &err));
    om_assert(!add(broken, NULL, NULL, &entry, &err) && err.status == OM_INVALID);
    om_assert(!add("/nowhere/x.onnx", NULL, NULL, &entry, &err) && err.status == OM_NOT_FOUND);
    om_assert(!add(path, NULL, zeros, &entry, &err) && err.status == OM_REFUSED);
    om_assert(om_file_write(manifest, OM_STR("decode: yolov8\n"), &err));
    om_assert(!add(path, manifest, NULL, &entry, &err) && strstr(err.text, "yolov8"));
    om_assert(om_file_write(manifest, OM_STR("input_size: [320, 320]\n"), &err));
    om_assert(!add(path, manifest, NULL, &entry, &err) && strstr(err.text, "input_size"));
    struct om_registry_add_opts opts = {.source = "https://127.0.0.1:1/x.onnx"};
    om_assert(!om_registry_add(home, &opts, &entry, NULL, &err) && strstr(err.hint, "--sha256"));
    opts.sha256 = zeros;
    om_assert(!om_registry_add(home, &opts, &entry, NULL, &err) && err.status == OM_UNREACHABLE);
    opts.source = "http://example.com/x.onnx";
    om_assert(!om_registry_add(home, &opts, &entry, NULL, &err) && err.status == OM_REFUSED);
    om_assert(count_left(models) == before);
}

static void check_removing(void)
{
    struct om_error err = {0};
    char models[80];

    snprintf(models, sizeof(models), "%s/models", home);
    om_assert(!om_registry_remove(home, "nobody", &err));
    om_assert(om_registry_remove(home, "mnist@0d715376572e", &err));
    om_assert(count_left(models) == 0);
    om_assert(!om_registry_remove(home, "mnist", &err) && err.status == OM_NOT_FOUND);
}

static void check_catalogue(void)
{
    int count = 0;
    const struct om_catalogue_item *items = om_catalogue_all(&count);
    for (int i = 0; i < count; i++) {
        struct om_error err;
        om_auto(om_manifest)
            m = om_manifest_parse(om_str_from(items[i].manifest), "catalogue", &err);
        om_assert(m && strcmp(m->name, items[i].name) == 0 && m->licence[0]);
        om_assert(strlen(items[i].sha256) == 64 && om_catalogue_find(items[i].name) == &items[i]);
        om_assert(strncmp(items[i].url, "https://", 8) == 0);
    }
}

int main(void)
{
    char folder[] = "/tmp/omma-registry-XXXXXX", path[PATH_SIZE];

    check_catalogue();
    shared = getenv("OMMA_SHARED");
    snprintf(path, sizeof(path), "%s/data/models/mnist.onnx", shared ? shared : "");
    if (!shared || !om_file_exists(path)) {
        printf("skipped: no ../shared\n");
        return 77;
    }
    om_assert(mkdtemp(folder));
    om_str_copy(home, sizeof(home), om_str_from(folder));
    check_life();
    check_gate();
    check_golden();
    check_refused();
    check_removing();
    snprintf(path, sizeof(path), "%s/models", home);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/broken.onnx", home);
    unlink(path);
    snprintf(path, sizeof(path), "%s/m.yaml", home);
    unlink(path);
    om_assert(rmdir(home) == 0);
    return 0;
}
