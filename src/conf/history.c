#include "conf/history.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/config_int.h"
#include "conf/yaml.h"

enum { VERSIONS_KEPT = 50, FILE_BYTES_MAX = 16 * 1024 * 1024, PATH_BYTES_MAX = 4096 };

struct om_history {
    char *folder;
    long version;             // the newest; 0 = none: an empty overlay
    struct om_conf *overlay;  // its cameras
    char **removed;
    int removed_count;
};

static void path_of(const struct om_history *history, long version, struct om_buf *path)
{
    om_buf_clear(path);
    om_buf_printf(path, "%s/cameras-%06ld.yaml", history->folder, version);
}

// ---- the overlay -------------------------------------------------------------------------------

static void overlay_clear(struct om_history *history)
{
    om_conf_destroy(history->overlay);
    history->overlay = om_conf_create();
    for (int i = 0; i < history->removed_count; i++)
        om_free(history->removed[i]);
    om_free(history->removed);
    history->removed = NULL;
    history->removed_count = 0;
}

static int find_removed(const struct om_history *history, om_str id)
{
    for (int i = 0; i < history->removed_count; i++) {
        if (om_str_equal(om_str_from(history->removed[i]), id))
            return i;
    }
    return -1;
}

static void add_removed(struct om_history *history, om_str id)
{
    if (find_removed(history, id) >= 0)
        return;
    history->removed = om_realloc(history->removed, (size_t)history->removed_count + 1,
                                  sizeof(*history->removed));
    history->removed[history->removed_count++] = om_strndup(id.p, id.n);
}

static void drop_removed(struct om_history *history, om_str id)
{
    int at = find_removed(history, id);
    if (at < 0)
        return;
    om_free(history->removed[at]);
    history->removed[at] = history->removed[--history->removed_count];
}

static bool parse_overlay(struct om_history *history, om_str text, const char *name,
                          struct om_error *err)
{
    om_auto(om_yaml) doc = om_yaml_parse(text, name, err);
    if (!doc)
        return false;
    const struct om_yaml_node *removed = om_yaml_get(om_yaml_root(doc), "removed");
    for (size_t i = 0; i < om_yaml_len(removed); i++) {
        om_str id = om_yaml_str(om_yaml_at(removed, i), OM_STR(""));
        if (!om_str_is_id(id)) {
            om_error_set(err, OM_INVALID, "%s:%d: \"%.*s\" is no camera id", name,
                         om_yaml_line(removed), OM_STR_ARG(id));
            return false;
        }
        add_removed(history, id);
    }
    const struct om_yaml_node *cameras = om_yaml_get(om_yaml_root(doc), "cameras");
    for (size_t i = 0; i < om_yaml_len(cameras); i++) {
        om_str key;
        const struct om_yaml_node *node = om_yaml_pair(cameras, i, &key, NULL);
        struct om_conf_camera cam = {.id = om_strndup(key.p, key.n)};
        bool is_ok = om_conf_parse_camera(&cam, node, name, err) &&
                     om_conf_put_camera(history->overlay, &cam, err);
        om_conf_camera_finish(&cam);
        if (!is_ok)
            return false;
    }
    return true;
}

static bool load_version(struct om_history *history, struct om_error *err)
{
    overlay_clear(history);
    if (history->version == 0)
        return true;
    om_auto_buf path;
    om_buf_init(&path, PATH_BYTES_MAX);
    path_of(history, history->version, &path);
    om_auto_free char *text = NULL;
    size_t n = 0;
    if (om_file_read(om_buf_text(&path), FILE_BYTES_MAX, &text, &n, err) &&
        parse_overlay(history, om_str_n(text, n), om_buf_text(&path), err))
        return true;
    om_error_hint(err, "Omma wrote this file; delete it to go back to the version before");
    return false;
}

static bool write_version(struct om_history *history, struct om_error *err)
{
    om_auto_buf path, text;
    om_buf_init(&path, PATH_BYTES_MAX);
    om_buf_init(&text, FILE_BYTES_MAX);
    om_buf_append_text(&text, "# Made by Omma: what was changed through its API.\nremoved: [");
    for (int i = 0; i < history->removed_count; i++)
        om_buf_printf(&text, "%s\"%s\"", i ? ", " : "", history->removed[i]);
    om_buf_append_text(&text, "]\ncameras:\n");
    for (int i = 0; i < history->overlay->camera_count; i++)
        om_conf_write_camera(&history->overlay->cameras[i], &text);
    path_of(history, history->version + 1, &path);
    if (text.has_failed || path.has_failed) {
        om_error_set(err, OM_LIMIT, "the changed cameras do not fit into one file");
        return false;
    }
    if (!om_file_write(om_buf_text(&path), om_buf_str(&text), err))
        return false;
    history->version++;
    path_of(history, history->version - VERSIONS_KEPT, &path);
    if (history->version > VERSIONS_KEPT)
        (void)unlink(om_buf_text(&path));  // may be gone already
    return true;
}

// ---- life --------------------------------------------------------------------------------------

static long newest_version(const char *folder)
{
    long newest = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        om_str name = om_str_from(entry->d_name);
        int64_t version;
        if (om_str_starts_with(name, OM_STR("cameras-")) &&
            om_str_ends_with(name, OM_STR(".yaml")) &&
            om_str_to_int64(om_str_sub(name, strlen("cameras-"), name.n - strlen(".yaml")),
                            &version) &&
            version > newest && version < 1000 * 1000 * 1000)
            newest = (long)version;
    }
    if (dir)
        (void)closedir(dir);
    return newest;
}

struct om_history *om_history_open(const char *home, struct om_error *err)
{
    om_auto_buf folder;
    om_buf_init(&folder, PATH_BYTES_MAX);
    om_buf_printf(&folder, "%s/config", home);
    if (!om_dir_make(om_buf_text(&folder), err))
        return NULL;
    om_auto(om_history) history = om_new(struct om_history);
    history->folder = om_strdup(om_buf_text(&folder));
    history->version = newest_version(history->folder);
    return load_version(history, err) ? om_steal(&history) : NULL;
}

void om_history_close(struct om_history *history)
{
    if (!history)
        return;
    overlay_clear(history);
    om_conf_destroy(history->overlay);
    om_free(history->folder);
    om_free(history);
}

bool om_history_is_empty(const struct om_history *history)
{
    return history->version == 0;
}

bool om_history_lay_over(const struct om_history *history, struct om_conf *conf,
                         struct om_error *err)
{
    for (int i = 0; i < history->removed_count; i++)
        (void)om_conf_remove_camera(conf, om_str_from(history->removed[i]));  // may not be there
    for (int i = 0; i < history->overlay->camera_count; i++) {
        if (!om_conf_put_camera(conf, &history->overlay->cameras[i], err))
            return false;
    }
    return true;
}

// Writes the changed overlay, or goes back to what is on disk.
static bool commit(struct om_history *history, struct om_error *err)
{
    if (write_version(history, err))
        return true;
    (void)load_version(history, NULL);  // the version it came from was readable before
    return false;
}

bool om_history_put(struct om_history *history, const struct om_conf_camera *cam,
                    struct om_error *err)
{
    if (!om_conf_put_camera(history->overlay, cam, err))
        return false;
    drop_removed(history, om_str_from(cam->id));
    return commit(history, err);
}

bool om_history_remove(struct om_history *history, om_str id, struct om_error *err)
{
    (void)om_conf_remove_camera(history->overlay, id);  // it may stand in the user's file only
    add_removed(history, id);
    return commit(history, err);
}

// Makes the version before the newest the current one; both files stay. On failure nothing has
// changed.
static bool step_back(struct om_history *history, struct om_error *err)
{
    om_auto_buf path;
    om_buf_init(&path, PATH_BYTES_MAX);
    path_of(history, history->version - 1, &path);
    bool has_before = history->version == 1 ||
                      (history->version > 1 && om_file_exists(om_buf_text(&path)));
    if (!has_before) {
        om_error_set(err, OM_NOT_FOUND, "there is no earlier change to go back to");
        return false;
    }
    history->version--;
    if (load_version(history, err))
        return true;
    history->version++;
    (void)load_version(history, NULL);  // it was readable until now
    return false;
}

bool om_history_lay_over_before(struct om_history *history, struct om_conf *conf,
                                struct om_error *err)
{
    if (!step_back(history, err))
        return false;
    bool is_ok = om_history_lay_over(history, conf, err);
    history->version++;
    (void)load_version(history, NULL);  // it was readable until now
    return is_ok;
}

bool om_history_undo(struct om_history *history, struct om_error *err)
{
    // The earlier version must be readable before the newer one is given up.
    if (!step_back(history, err))
        return false;
    om_auto_buf path;
    om_buf_init(&path, PATH_BYTES_MAX);
    path_of(history, history->version + 1, &path);
    if (unlink(om_buf_text(&path)) == 0)
        return true;
    om_error_set(err, om_status_from_errno(errno), "%s: %s", om_buf_text(&path),
                 om_errno_text(errno));
    history->version++;
    (void)load_version(history, NULL);
    return false;
}
