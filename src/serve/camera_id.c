#include "serve/camera_id.h"

#include <stdio.h>

#include "conf/config.h"
#include "source/source.h"

enum { STEM_SIZE = 49 };  // leaves room for a number

// The last piece of the path, or what stands before a colon when there is no path ("test:").
static om_str last_piece(om_str text)
{
    om_str piece, last = {0};
    while (om_str_split(&text, '/', &piece)) {
        if (piece.n)
            last = piece;
    }
    for (size_t i = 0; i < last.n; i++) {
        if (last.p[i] == '?' || last.p[i] == '#')
            return om_str_sub(last, 0, i);
    }
    return last;
}

// Without a file's ending: up to five letters and digits that begin with a letter, so that an
// address keeps its numbers.
static om_str without_ending(om_str name)
{
    for (size_t i = name.n; i > 1; i--) {
        char first = i < name.n ? name.p[i] : '0';
        if (name.p[i - 1] != '.')
            continue;
        bool is_letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
        return is_letter && name.n - i <= 5 ? om_str_sub(name, 0, i - 1) : name;
    }
    return name;
}

// Lower case letters, digits and '_' stay, everything else becomes one '-' between them.
static void put_stem(om_str name, char stem[STEM_SIZE])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < STEM_SIZE - 1; i++) {
        char c = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
        bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (is_kept)
            stem[n++] = c;
        else if (n > 0 && stem[n - 1] != '-')
            stem[n++] = '-';
    }
    while (n > 0 && stem[n - 1] == '-')
        n--;
    stem[n] = '\0';
}

void om_camera_id_suggest(const struct om_conf *conf, const char *source,
                          char id[OM_CAMERA_ID_SIZE])
{
    char safe[OM_SOURCE_TEXT_SIZE], named[OM_SOURCE_TEXT_SIZE + 8], stem[STEM_SIZE] = "";
    enum om_source_kind kind;
    if (om_source_classify(source, &kind, safe, NULL) == OM_OK) {
        om_str piece = without_ending(last_piece(om_str_from(safe)));
        bool is_index = kind == OM_SOURCE_USB && piece.n && piece.p[0] <= '9';
        snprintf(named, sizeof(named), "%s%.*s", is_index ? "video" : "", OM_STR_ARG(piece));
        put_stem(om_str_from(named), stem);
    }
    if (!stem[0])
        (void)om_str_copy(stem, sizeof(stem), OM_STR("camera"));
    (void)om_str_copy(id, OM_CAMERA_ID_SIZE, om_str_from(stem));
    for (int i = 2; om_conf_camera(conf, om_str_from(id)); i++)
        snprintf(id, OM_CAMERA_ID_SIZE, "%s-%d", stem, i);
}
