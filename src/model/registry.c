#include "model/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "infer/onnx_graph.h"
#include "model/catalogue.h"
#include "model/fetch.h"
#include "model/verify.h"
#include "scene/labels.h"

enum {
    PATH_SIZE = OM_REGISTRY_PATH_SIZE,
    SMALL_FILE_MAX = 4 << 20,
    REFERENCE_MAX = 16 << 20,
    COPY_BYTES = 1 << 16,
    VERSION_LEN = 12
};

static const char graph_file[] = "model.onnx", manifest_file[] = "model.json",
                  reference_file[] = "reference.json", state_file[] = "state.json",
                  current_file[] = "current";

OM_PRINTF(3, 4)
static bool path_make(char path[PATH_SIZE], struct om_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(path, PATH_SIZE, format, args);
    va_end(args);
    if (n >= 0 && n < PATH_SIZE)
        return true;
    om_error_set(err, OM_LIMIT, "a path is longer than %d bytes", PATH_SIZE - 1);
    return false;
}

static bool from_errno(struct om_error *err, const char *path)
{
    om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
    return false;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Removes a folder and the files in it; versions have no folders inside, but external data may.
static void remove_tree(const char *path)
{
    char below[PATH_SIZE];
    DIR *dir = opendir(path);

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            !path_make(below, NULL, "%s/%s", path, entry->d_name))
            continue;
        struct stat st;
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
            remove_tree(below);
        else
            unlink(below);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

// ---- reading entries ---------------------------------------------------------------------------

static void read_state(struct om_registry_entry *entry, const char *folder)
{
    char path[PATH_SIZE];
    om_auto_free char *text = NULL;
    size_t n = 0;

    if (!path_make(path, NULL, "%s/%s", folder, state_file) ||
        !om_file_read(path, SMALL_FILE_MAX, &text, &n, NULL))
        return;
    om_auto_json json = om_json_parse(om_str_n(text, n), NULL);
    om_str_copy(entry->sha256, sizeof(entry->sha256),
                om_json_as_str(om_json_get(json, "sha256"), OM_STR("")));
    om_str_copy(entry->added, sizeof(entry->added),
                om_json_as_str(om_json_get(json, "added"), OM_STR("")));
    om_str_copy(entry->from, sizeof(entry->from),
                om_json_as_str(om_json_get(json, "from"), OM_STR("")));
    entry->bytes = om_json_as_int(om_json_get(json, "bytes"), 0);
}

static bool read_entry(const char *home, const char *name, const char *version,
                       struct om_registry_entry *ret)
{
    char folder[PATH_SIZE];
    struct om_error err;

    *ret = (struct om_registry_entry){0};
    if (!path_make(folder, NULL, "%s/models/%s/%s", home, name, version) ||
        !path_make(ret->path, NULL, "%s/%s", folder, graph_file) || !om_file_exists(ret->path))
        return false;
    om_str_copy(ret->name, sizeof(ret->name), om_str_from(name));
    om_str_copy(ret->version, sizeof(ret->version), om_str_from(version));
    read_state(ret, folder);
    om_auto(om_manifest) manifest = om_model_manifest_find(ret->path, &err);
    if (!manifest)
        return true;
    ret->kind = manifest->kind;
    ret->family = manifest->family;
    ret->input_width = manifest->input_width;
    ret->input_height = manifest->input_height;
    ret->class_count = manifest->labels ? manifest->labels->count : 0;
    om_str_copy(ret->licence, sizeof(ret->licence), om_str_from(manifest->licence));
    return true;
}

static bool read_current(const char *home, const char *name, char version[65])
{
    char path[PATH_SIZE];
    om_auto_free char *text = NULL;
    size_t n = 0;

    if (!path_make(path, NULL, "%s/models/%s/%s", home, name, current_file) ||
        !om_file_read(path, 256, &text, &n, NULL))
        return false;
    om_str trimmed = om_str_trim(om_str_n(text, n));
    return om_str_is_id(trimmed) && om_str_copy(version, 65, trimmed);
}

struct entries {
    struct om_registry_entry *items;
    int count, capacity;
};

static void add_versions(const char *home, const char *name, struct entries *entries)
{
    char folder[PATH_SIZE], current[65] = "";
    DIR *dir = path_make(folder, NULL, "%s/models/%s", home, name) ? opendir(folder) : NULL;

    (void)read_current(home, name, current);
    for (struct dirent *item; dir && (item = readdir(dir));) {
        struct om_registry_entry entry;
        if (!om_str_is_id(om_str_from(item->d_name)) ||
            !read_entry(home, name, item->d_name, &entry))
            continue;
        if (entries->count == OM_REGISTRY_MODELS_MAX)
            break;
        if (entries->count == entries->capacity) {
            entries->capacity = OM_MAX(8, 2 * entries->capacity);
            entries->items = om_realloc(entries->items, (size_t)entries->capacity,
                                        sizeof(*entries->items));
        }
        entry.is_current = strcmp(entry.version, current) == 0;
        entries->items[entries->count++] = entry;
    }
    if (dir)
        closedir(dir);
}

static int compare_entries(const void *a, const void *b)
{
    const struct om_registry_entry *x = a, *y = b;
    int by_name = strcmp(x->name, y->name);
    int by_age = strcmp(y->added, x->added);
    return by_name ? by_name : by_age ? by_age : strcmp(x->version, y->version);
}

struct om_registry_entry *om_registry_list(const char *home, int *ret_count)
{
    struct entries entries = {0};
    char folder[PATH_SIZE];
    DIR *dir = path_make(folder, NULL, "%s/models", home) ? opendir(folder) : NULL;

    for (struct dirent *item; dir && (item = readdir(dir));)
        if (om_str_is_id(om_str_from(item->d_name)))
            add_versions(home, item->d_name, &entries);
    if (dir)
        closedir(dir);
    if (entries.count)
        qsort(entries.items, (size_t)entries.count, sizeof(*entries.items), compare_entries);
    *ret_count = entries.count;
    return entries.items;
}

// ---- finding -----------------------------------------------------------------------------------

static bool no_such(const char *home, om_str name, struct om_error *err)
{
    om_auto_free struct om_registry_entry *entries = NULL;
    const char *best = NULL;
    int count = 0, least = 4;

    entries = om_registry_list(home, &count);
    for (int i = 0; i < count; i++) {
        int distance = om_str_distance(name, om_str_from(entries[i].name));
        if (distance < least)
            least = distance, best = entries[i].name;
    }
    om_error_set(err, OM_NOT_FOUND, "there is no model \"%.*s\"", (int)OM_MIN(name.n, (size_t)80),
                 name.p);
    if (best)
        om_error_hint(err, "did you mean \"%s\"?", best);
    else if (om_catalogue_find(name.p))
        om_error_hint(err, "fetch it: omma model add %.*s", OM_STR_ARG(name));
    else if (count)
        om_error_hint(err, "omma model list shows what there is; a file works too: --model x.onnx");
    else
        om_error_hint(err, "give an .onnx file, or add one first: omma model add x.onnx");
    return false;
}

bool om_registry_find(const char *home, const char *reference, struct om_registry_entry *ret,
                      struct om_error *err)
{
    om_str whole = om_str_from(reference), name = whole, version = OM_STR("");
    ptrdiff_t at = om_str_find_char(whole, '@');
    struct entries entries = {0};
    int found = -1, hits = 0;
    char text[65];

    if (at >= 0) {
        name = om_str_sub(whole, 0, (size_t)at);
        version = om_str_sub(whole, (size_t)at + 1, whole.n);
    }
    if (!om_str_is_id(name) || !om_str_copy(text, sizeof(text), name))
        return no_such(home, whole, err);
    add_versions(home, text, &entries);
    for (int i = 0; i < entries.count; i++) {
        bool is_it = version.n ? om_str_starts_with(om_str_from(entries.items[i].version), version)
                               : entries.items[i].is_current;
        if (is_it)
            found = i, hits++;
    }
    if (hits == 1)
        *ret = entries.items[found];
    om_free(entries.items);
    if (hits == 1)
        return true;
    if (!entries.count)
        return no_such(home, name, err);
    om_error_set(err, OM_NOT_FOUND,
                 hits ? "\"%s\" may mean %d versions"
                      : "\"%s\" is none of the "
                        "%d versions",
                 reference, hits ? hits : entries.count);
    om_error_hint(err, "omma model list shows them");
    return false;
}

// The one .onnx file of a folder.
static bool graph_in_folder(const char *folder, char path[PATH_SIZE], struct om_error *err)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (!dir)
        return from_errno(err, folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!om_str_ends_with(om_str_from(entry->d_name), OM_STR(".onnx")))
            continue;
        count++;
        if (!path_make(path, err, "%s/%s", folder, entry->d_name))
            count = INT16_MIN;
    }
    closedir(dir);
    if (count == 1)
        return true;
    if (count >= 0) {
        om_error_set(err, OM_NOT_FOUND, "%s holds %d .onnx files, not one", folder, count);
        om_error_hint(err, "name the file itself");
    }
    return false;
}

static bool looks_like_path(const char *reference)
{
    return strchr(reference, '/') || om_str_ends_with(om_str_from(reference), OM_STR(".onnx"));
}

bool om_registry_resolve(const char *home, const char *reference, char *path, struct om_error *err)
{
    struct om_registry_entry entry;
    struct om_error unknown = {0};

    if (looks_like_path(reference)) {
        if (is_folder(reference))
            return graph_in_folder(reference, path, err);
        if (!om_file_exists(reference)) {
            om_error_set(err, OM_NOT_FOUND, "there is no file %s", reference);
            om_error_hint(err, "--model takes an .onnx file or a name from omma model list");
            return false;
        }
        return path_make(path, err, "%s", reference);
    }
    if (om_registry_find(home, reference, &entry, &unknown))
        return path_make(path, err, "%s", entry.path);
    if (is_folder(reference))
        return graph_in_folder(reference, path, err);
    if (err)
        *err = unknown;
    return false;
}

struct om_model *om_registry_load(const char *home, const char *reference,
                                  const struct om_model_opts *opts, struct om_error *err)
{
    char path[PATH_SIZE];
    if (!om_registry_resolve(home, reference, path, err))
        return NULL;
    return om_model_load(path, NULL, opts, err);
}

// ---- adding ------------------------------------------------------------------------------------

// One import under way.
struct import {
    const char *home;
    const struct om_registry_add_opts *opts;
    struct om_error *err;
    char folder[PATH_SIZE];  // the version in the making
    char graph[PATH_SIZE];   // where the graph lies before it is copied
    char sha256[OM_SHA256_TEXT_SIZE];
    struct om_manifest *manifest;
    struct om_model *model;
};

static bool copy_file(const char *from, const char *to, struct om_error *err)
{
    om_auto_free char *bytes = om_new_array(char, COPY_BYTES);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    ssize_t n = -1;

    if (in < 0)
        return from_errno(err, from);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out >= 0) {
        while ((n = read(in, bytes, COPY_BYTES)) > 0) {
            if (write(out, bytes, (size_t)n) != n) {
                n = -1;
                break;
            }
        }
        if (n == 0 && fsync(out) != 0)
            n = -1;
    }
    bool is_copied = out >= 0 && n == 0;
    if (!is_copied)
        from_errno(err, to);
    close(in);
    if (out >= 0)
        close(out);
    return is_copied;
}

static bool wants_sha256(const char *wanted, const char *got, struct om_error *err)
{
    if (!wanted || om_str_equal_nocase(om_str_from(wanted), om_str_from(got)))
        return true;
    om_error_set(err, OM_REFUSED, "the file's SHA-256 is %s, not the one given", got);
    om_error_hint(err, "it is another file, or damaged on the way: compare with where the hash is "
                       "published");
    return false;
}

static bool fetch_graph(struct import *import, const char *url, const char *sha256)
{
    if (!sha256 || strlen(sha256) != OM_SHA256_TEXT_SIZE - 1) {
        om_error_set(import->err, OM_INVALID, "a model from a URL needs its SHA-256");
        om_error_hint(import->err, "add --sha256 with the 64 hex digits its publisher states");
        return false;
    }
    return path_make(import->graph, import->err, "%s/%s", import->folder, graph_file) &&
           om_fetch(url, import->graph, import->opts->progress, import->opts->ctx, import->err) &&
           om_sha256_file(import->graph, import->sha256, import->err) &&
           wants_sha256(sha256, import->sha256, import->err);
}

static bool read_given_manifest(struct import *import)
{
    if (!import->opts->manifest)
        return true;
    import->manifest = om_manifest_load(import->opts->manifest, import->err);
    return import->manifest != NULL;
}

static bool from_catalogue(struct import *import, const struct om_catalogue_item *item)
{
    if (!import->manifest)
        import->manifest = om_manifest_parse(om_str_from(item->manifest), "catalogue", import->err);
    if (!import->manifest || !fetch_graph(import, item->url, item->sha256))
        return false;
    om_str_copy(import->manifest->source, sizeof(import->manifest->source), om_str_from(item->url));
    return true;
}

// Where the graph is, and its digest.
static bool find_graph(struct import *import)
{
    const struct om_registry_add_opts *opts = import->opts;
    const struct om_catalogue_item *item = om_catalogue_find(opts->source);

    if (om_fetch_is_url(opts->source))
        return fetch_graph(import, opts->source, opts->sha256);
    if (is_folder(opts->source)) {
        if (!graph_in_folder(opts->source, import->graph, import->err))
            return false;
    } else if (om_file_exists(opts->source)) {
        if (!path_make(import->graph, import->err, "%s", opts->source))
            return false;
    } else if (item) {
        return from_catalogue(import, item);
    } else {
        om_error_set(import->err, OM_NOT_FOUND, "there is no file %s", opts->source);
        om_error_hint(import->err, "give an .onnx file, a folder with one, an https:// address "
                                   "with --sha256, or a name of omma model list --catalogue");
        return false;
    }
    return om_sha256_file(import->graph, import->sha256, import->err) &&
           wants_sha256(opts->sha256, import->sha256, import->err);
}

// "My Model.v2" -> "my_model_v2".
static bool make_name(struct import *import, char name[65])
{
    const char *from = import->opts->name ? import->opts->name
                                          : om_model_manifest(import->model)->name;
    size_t n = 0;

    for (const char *p = from; *p && n < 64; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        name[n++] = is_plain ? c : '_';
    }
    name[n] = 0;
    if (om_str_is_id(om_str_n(name, n)))
        return true;
    om_error_set(import->err, OM_INVALID, "the model needs a name");
    om_error_hint(import->err, "give one with --name: letters, digits, - and _");
    return false;
}

static bool copy_graph(struct import *import, struct om_onnx_graph *graph)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    const char *slash = strrchr(import->graph, '/');
    int folder = slash ? (int)(slash + 1 - import->graph) : 0;

    if (!path_make(to, import->err, "%s/%s", import->folder, graph_file))
        return false;
    if (strcmp(import->graph, to) != 0 && !copy_file(import->graph, to, import->err))
        return false;
    for (int i = 0; i < graph->external_count; i++) {
        if (!path_make(from, import->err, "%.*s%s", folder, import->graph, graph->external[i]) ||
            !path_make(to, import->err, "%s/%s", import->folder, graph->external[i]))
            return false;
        // External data may lie in a folder below.
        char *last = strrchr(to, '/');
        *last = 0;
        bool is_made = om_dir_make(to, import->err);
        *last = '/';
        if (!is_made || !copy_file(from, to, import->err))
            return false;
    }
    return true;
}

static bool write_file(struct import *import, const char *file, const struct om_buf *content)
{
    char path[PATH_SIZE];
    if (content->has_failed) {
        om_error_set(import->err, OM_LIMIT, "%s would be too large", file);
        return false;
    }
    return path_make(path, import->err, "%s/%s", import->folder, file) &&
           om_file_write(path, om_buf_str(content), import->err);
}

// Without user:password@ and query.
static om_str public_part(const char *source)
{
    om_str text = om_str_from(source);
    if (!om_fetch_is_url(source))
        return text;
    ptrdiff_t at = om_str_find_char(text, '@');
    if (at >= 0)
        text = om_str_sub(text, (size_t)at + 1, text.n);
    ptrdiff_t query = om_str_find_char(text, '?');
    return query >= 0 ? om_str_sub(text, 0, (size_t)query) : text;
}

static bool write_state(struct import *import)
{
    char now[OM_TIME_TEXT_SIZE];
    struct om_json_writer w;
    struct stat st = {0};
    om_auto_buf out;

    (void)stat(import->graph, &st);  // only a figure for people
    om_buf_init(&out, SMALL_FILE_MAX);
    om_json_begin(&w, &out);
    om_json_object(&w);
    om_json_kv_text(&w, "sha256", import->sha256);
    om_json_kv_int(&w, "bytes", st.st_size);
    om_json_kv_text(&w, "added", om_time_text(om_time_wall_us(), now));
    om_json_kv_str(&w, "from", public_part(import->opts->source));
    om_json_object_end(&w);
    return write_file(import, state_file, &out);
}

static bool write_folder(struct import *import, struct om_onnx_graph *graph, const char *name)
{
    om_auto(om_manifest) manifest = om_manifest_copy(om_model_manifest(import->model));
    om_auto_buf text, reference;

    om_buf_init(&text, SMALL_FILE_MAX);
    om_buf_init(&reference, REFERENCE_MAX);
    om_str_copy(manifest->name, sizeof(manifest->name), om_str_from(name));
    om_str_copy(manifest->version, sizeof(manifest->version),
                om_str_n(import->sha256, VERSION_LEN));
    om_str_copy(manifest->file, sizeof(manifest->file), om_str_from(graph_file));
    om_manifest_write(manifest, &text);
    return copy_graph(import, graph) && write_file(import, manifest_file, &text) &&
           om_model_reference(import->model, &reference, import->err) &&
           write_file(import, reference_file, &reference) && write_state(import);
}

// The finished folder takes its place; an older one of the same content is moved away first.
static bool install(struct import *import, const char *name, struct om_registry_entry *ret)
{
    char place[PATH_SIZE], old[PATH_SIZE], current[PATH_SIZE], version[65];

    om_str_copy(version, sizeof(version), om_str_n(import->sha256, VERSION_LEN));
    if (!path_make(place, import->err, "%s/models/%s", import->home, name) ||
        !om_dir_make(place, import->err) ||
        !path_make(place, import->err, "%s/models/%s/%s", import->home, name, version) ||
        !path_make(old, import->err, "%s.old", import->folder) ||
        !path_make(current, import->err, "%s/models/%s/%s", import->home, name, current_file))
        return false;
    bool is_again = rename(place, old) == 0;
    if (rename(import->folder, place) != 0) {
        from_errno(import->err, place);
        if (is_again && rename(old, place) != 0)
            om_error_hint(import->err, "the version before is in %s", old);
        return false;
    }
    remove_tree(old);
    if (!om_file_write(current, om_str_from(version), import->err))
        return false;
    if (!read_entry(import->home, name, version, ret)) {
        om_error_set(import->err, OM_INTERNAL, "%s cannot be read back", place);
        return false;
    }
    ret->is_current = true;
    return true;
}

static bool import_model(struct import *import, struct om_registry_entry *ret,
                         struct om_verify_report *report)
{
    char name[65];
    const struct om_verify_opts verify = {.model = import->opts->model};

    if (!read_given_manifest(import) || !find_graph(import))
        return false;
    om_auto(om_onnx_graph) graph = om_onnx_graph_read(import->graph, import->err);
    if (!graph)
        return false;
    import->model = om_model_load(import->graph, import->manifest, &import->opts->model,
                                  import->err);
    return import->model && make_name(import, name) &&
           om_model_verify_loaded(import->model, &verify, report, import->err) &&
           write_folder(import, graph, name) && install(import, name, ret);
}

bool om_registry_add(const char *home, const struct om_registry_add_opts *opts,
                     struct om_registry_entry *ret, struct om_verify_report *report,
                     struct om_error *err)
{
    om_auto_free struct import *import = om_new(struct import);
    om_auto_free struct om_verify_report *own = om_new(struct om_verify_report);
    char id[OM_ID_TEXT_SIZE], models[PATH_SIZE];

    *import = (struct import){.home = home, .opts = opts, .err = err};
    om_rand_uuid7(id);
    // A dot in front: no id, so that nobody takes it for a model.
    if (!path_make(models, err, "%s/models", home) || !om_dir_make(models, err) ||
        !path_make(import->folder, err, "%s/.incoming-%s", models, id) ||
        !om_dir_make(import->folder, err))
        return false;
    if (report)
        report->check_count = 0;
    bool is_added = import_model(import, ret, report ? report : own);
    om_model_destroy(import->model);
    om_manifest_destroy(import->manifest);
    if (!is_added)
        remove_tree(import->folder);
    return is_added;
}

// ---- removing ----------------------------------------------------------------------------------

// Moves the folder out of sight in one step, then takes its time.
static bool take_away(const char *home, const char *place, struct om_error *err)
{
    char id[OM_ID_TEXT_SIZE], trash[PATH_SIZE];

    om_rand_uuid7(id);
    if (!path_make(trash, err, "%s/models/.removed-%s", home, id))
        return false;
    if (rename(place, trash) != 0)
        return from_errno(err, place);
    remove_tree(trash);
    return true;
}

// The newest of what is left becomes current, or the name goes too.
static bool settle_current(const char *home, const char *name, struct om_error *err)
{
    char place[PATH_SIZE];
    struct entries entries = {0};

    add_versions(home, name, &entries);
    if (entries.count)
        qsort(entries.items, (size_t)entries.count, sizeof(*entries.items), compare_entries);
    bool is_set = false;
    for (int i = 0; i < entries.count; i++)
        is_set |= entries.items[i].is_current;
    bool is_fine = true;
    if (!entries.count)
        is_fine = path_make(place, err, "%s/models/%s", home, name) && take_away(home, place, err);
    else if (!is_set)
        is_fine = path_make(place, err, "%s/models/%s/%s", home, name, current_file) &&
                  om_file_write(place, om_str_from(entries.items[0].version), err);
    om_free(entries.items);
    return is_fine;
}

bool om_registry_remove(const char *home, const char *reference, struct om_error *err)
{
    struct om_registry_entry entry;
    char place[PATH_SIZE];

    if (!om_registry_find(home, reference, &entry, err))
        return false;
    if (!strchr(reference, '@'))
        return path_make(place, err, "%s/models/%s", home, entry.name) &&
               take_away(home, place, err);
    return path_make(place, err, "%s/models/%s/%s", home, entry.name, entry.version) &&
           take_away(home, place, err) && settle_current(home, entry.name, err);
}
