#include "track/mot.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

enum { FRAME, ID, LEFT, TOP, WIDTH, HEIGHT, SCORE, FIELDS };
static const char *const field_names[FIELDS] = {"frame", "id",     "left", "top",
                                                "width", "height", "score"};
enum { FIELDS_MIN = SCORE };
static const double COORDINATE_MAX = 1e6;

static bool has_letter(om_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return true;
    }
    return false;
}

// The numbers of one line; those behind the score are of no interest.
static bool parse_fields(om_str line, double *ret, int line_number, struct om_error *err)
{
    ret[SCORE] = 1;
    int n = 0;
    om_str field;
    while (n < FIELDS && om_str_split(&line, ',', &field)) {
        field = om_str_trim(field);
        if (n == SCORE && field.n == 0)
            break;
        if (!om_str_to_double(field, &ret[n])) {
            om_error_set(err, OM_INVALID, "line %d: %s \"%.*s\" is not a number", line_number,
                         field_names[n], OM_STR_ARG(om_str_sub(field, 0, 40)));
            return false;
        }
        n++;
    }
    if (n >= FIELDS_MIN)
        return true;
    om_error_set(err, OM_INVALID, "line %d has %d fields, not at least %d", line_number, n,
                 FIELDS_MIN);
    om_error_hint(err, "a line is frame,-1,left,top,width,height,score");
    return false;
}

static bool check_fields(const double *v, int line_number, struct om_error *err)
{
    if (v[FRAME] < 1 || v[FRAME] > OM_MOT_FRAMES_MAX || v[FRAME] != floor(v[FRAME])) {
        om_error_set(err, OM_INVALID, "line %d: frame %g is not a whole number from 1 to %d",
                     line_number, v[FRAME], OM_MOT_FRAMES_MAX);
        return false;
    }
    for (int i = LEFT; i <= HEIGHT; i++) {
        if (fabs(v[i]) > COORDINATE_MAX || (i >= WIDTH && v[i] < 0)) {
            om_error_set(err, OM_INVALID, "line %d: %s %g is out of range", line_number,
                         field_names[i], v[i]);
            return false;
        }
    }
    return true;
}

static bool parse_line(om_str line, int line_number, struct om_mot_row *ret, struct om_error *err)
{
    double v[FIELDS];
    if (!parse_fields(line, v, line_number, err) || !check_fields(v, line_number, err))
        return false;
    *ret = (struct om_mot_row){
        .frame = (int)v[FRAME],
        .detection = {.box = {(float)v[LEFT], (float)v[TOP], (float)v[WIDTH], (float)v[HEIGHT]},
                      .score = (float)OM_CLAMP(v[SCORE], -COORDINATE_MAX, COORDINATE_MAX)},
    };
    return true;
}

static bool add_row(struct om_mot *mot, const struct om_mot_row *row, int *room,
                    struct om_error *err)
{
    if (mot->count == *room) {
        int more = *room ? *room * 2 : 1024;
        struct om_mot_row *rows = NULL;
        if (more <= OM_MOT_ROWS_MAX)
            rows = om_try_realloc(mot->rows, (size_t)more, sizeof(rows[0]));
        if (!rows) {
            om_error_set(err, OM_LIMIT, "more than %d detections", mot->count);
            om_error_hint(err, "cut the file into several");
            return false;
        }
        mot->rows = rows;
        *room = more;
    }
    mot->rows[mot->count++] = *row;
    return true;
}

static int compare_rows(const void *pa, const void *pb)
{
    const struct om_mot_row *a = pa, *b = pb;
    if (a->frame != b->frame)
        return a->frame < b->frame ? -1 : 1;
    const struct om_detection *x = &a->detection, *y = &b->detection;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    // The rest only makes the order of the lines of no account.
    if (x->box.x < y->box.x || x->box.x > y->box.x)
        return x->box.x < y->box.x ? -1 : 1;
    return (x->box.y > y->box.y) - (x->box.y < y->box.y);
}

static bool parse_lines(om_str text, struct om_mot *mot, struct om_error *err)
{
    int line_number = 0, room = 0;
    om_str line;
    while (om_str_split(&text, '\n', &line)) {
        line_number++;
        line = om_str_trim(line);
        bool is_header = line_number == 1 && has_letter(om_str_sub(line, 0, 5));
        if (line.n == 0 || line.p[0] == '#' || is_header)
            continue;
        struct om_mot_row row;
        if (!parse_line(line, line_number, &row, err) || !add_row(mot, &row, &room, err))
            return false;
        mot->frame_last = OM_MAX(mot->frame_last, row.frame);
    }
    return true;
}

bool om_mot_parse(om_str text, struct om_mot *ret, struct om_error *err)
{
    *ret = (struct om_mot){0};
    if (!parse_lines(text, ret, err)) {
        om_mot_finish(ret);
        return false;
    }
    if (ret->count)
        qsort(ret->rows, (size_t)ret->count, sizeof(ret->rows[0]), compare_rows);
    return true;
}

void om_mot_finish(struct om_mot *mot)
{
    om_free(mot->rows);
    *mot = (struct om_mot){0};
}

void om_mot_scale_scores(struct om_mot *mot)
{
    if (mot->count == 0)
        return;
    float least = INFINITY, most = -INFINITY;
    for (int i = 0; i < mot->count; i++) {
        least = fminf(least, mot->rows[i].detection.score);
        most = fmaxf(most, mot->rows[i].detection.score);
    }
    bool is_flat = !(least < most), is_percent = least >= 0 && most > 1 && most <= 100;
    bool is_margin = !is_percent && (least < 0 || most > 1);
    for (int i = 0; i < mot->count; i++) {
        float *score = &mot->rows[i].detection.score;
        if (is_flat)
            *score = 1;
        else if (is_percent)
            *score /= 100;
        else if (is_margin)
            *score = 1 / (1 + expf(-*score));
    }
}

int om_mot_take_frame(const struct om_mot *mot, int frame, int *at, struct om_detections *ret)
{
    int left_out = 0;
    ret->count = 0;
    for (; *at < mot->count && mot->rows[*at].frame == frame; ++*at) {
        if (ret->count < OM_DETECTIONS_MAX)
            ret->items[ret->count++] = mot->rows[*at].detection;
        else
            left_out++;
    }
    return left_out;
}
