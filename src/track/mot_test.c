#include "track/mot.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"

static void test_parse(void)
{
    struct om_mot mot;
    struct om_error err = {0};
    bool ok = om_mot_parse(OM_STR("frame,id,x,y,w,h,score\n"
                                  "# a comment\n"
                                  "2,-1,10.5,20,30,40,0.5,-1,-1,-1\r\n"
                                  "\n"
                                  "1,-1,1,2,3,4\n"
                                  "2, -1, 7, 8, 9, 10, 0.75\n"
                                  "1.0,-1,1e2,-5,3,4,,7"),
                           &mot, &err);
    om_assert(ok && mot.count == 4 && mot.frame_last == 2);
    om_assert(mot.rows[0].frame == 1 && mot.rows[0].detection.box.x < 1.5F);
    om_assert(mot.rows[1].detection.box.x > 99 && mot.rows[1].detection.box.y < -4);
    om_assert(mot.rows[0].detection.score >= 1 && mot.rows[1].detection.score >= 1);
    om_assert(mot.rows[2].frame == 2 && mot.rows[2].detection.score > 0.7F);
    om_assert(fabsf(mot.rows[3].detection.box.x - 10.5F) < 1e-6F);

    struct om_detections detections;
    int at = 0;
    om_assert(om_mot_take_frame(&mot, 1, &at, &detections) == 0 && detections.count == 2);
    om_assert(om_mot_take_frame(&mot, 2, &at, &detections) == 0 && detections.count == 2 &&
              at == 4);
    om_assert(om_mot_take_frame(&mot, 3, &at, &detections) == 0 && detections.count == 0);
    om_mot_finish(&mot);
    om_assert(om_mot_parse(OM_STR(""), &mot, &err) && mot.count == 0);
    om_mot_scale_scores(&mot);
    om_mot_finish(&mot);
}

static void test_errors(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"1,-1,1,2,3,4\n2,-1,1,2,3", "line 2 has 5 fields"},
        {"1,-1,1,2,x,4", "line 1: width \"x\" is not a number"},
        {"1,-1,1,2,3,4,5x", "line 1: score \"5x\""},
        {"0,-1,1,2,3,4", "line 1: frame 0"},
        {"1.5,-1,1,2,3,4", "line 1: frame 1.5"},
        {"99999999,-1,1,2,3,4", "line 1: frame"},
        {"1,-1,nan,2,3,4", "line 1: left"},
        {"1,-1,1,1e30,3,4", "line 1: top"},
        {"1,-1,1,2,-3,4", "line 1: width -3 is out of range"},
        {"1 -1 1 2 3 4", "line 1: frame"},
        {"frame\nframe", "line 2: frame"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_mot mot;
        struct om_error err = {0};
        om_assert(!om_mot_parse(om_str_from(cases[i].text), &mot, &err));
        om_assert(err.status == OM_INVALID && strstr(err.text, cases[i].says) == err.text);
        om_assert(!mot.rows && mot.count == 0);
    }
}

static void test_scores(void)
{
    static const struct {
        const char *a, *b;  // scores in
        float low, high;    // and out
    } cases[] = {
        {"0.2", "0.9", 0.2F, 0.9F},  {"1", "1", 1, 1},
        {"-1", "-1", 1, 1},          {"20", "90", 0.2F, 0.9F},
        {"-1", "1", 0.269F, 0.731F}, {"0", "2000", 0.5F, 1},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        om_auto_buf text = {0};
        om_buf_init(&text, 1000);
        om_buf_printf(&text, "1,-1,1,1,1,1,%s\n2,-1,1,1,1,1,%s", cases[i].a, cases[i].b);
        struct om_mot mot;
        om_assert(om_mot_parse(om_buf_str(&text), &mot, NULL));
        om_mot_scale_scores(&mot);
        om_assert(fabsf(mot.rows[0].detection.score - cases[i].low) < 1e-3F);
        om_assert(fabsf(mot.rows[1].detection.score - cases[i].high) < 1e-3F);
        om_mot_finish(&mot);
    }
}

// More in one frame than Omma holds: the best are taken.
static void test_crowd(void)
{
    om_auto_buf text = {0};
    om_buf_init(&text, 1 << 20);
    for (int i = 0; i < OM_DETECTIONS_MAX + 50; i++)
        om_buf_printf(&text, "1,-1,%d,1,5,5,%.4f\n", i, i / 1000.0);
    struct om_mot mot;
    om_assert(om_mot_parse(om_buf_str(&text), &mot, NULL));
    static struct om_detections detections;
    int at = 0;
    om_assert(om_mot_take_frame(&mot, 1, &at, &detections) == 50);
    om_assert(detections.count == OM_DETECTIONS_MAX && at == OM_DETECTIONS_MAX + 50);
    om_assert(detections.items[OM_DETECTIONS_MAX - 1].score > 0.049F);
    om_mot_finish(&mot);
}

int main(void)
{
    test_parse();
    test_errors();
    test_scores();
    test_crowd();
    return 0;
}
