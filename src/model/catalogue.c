#include "model/catalogue.h"

#include <string.h>

#include "base/attr.h"

#define RAW "https://raw.githubusercontent.com/"

// Only what may be used freely (Apache-2.0, MIT, BSD), and only files whose content is known.
static const struct om_catalogue_item items[] = {
    {
        .name = "yolox_nano_416",
        .url = RAW "Kazuhito00/YOLOX-ONNX-TFLite-Sample/"
                   "3d4f1119d0694200671c08069ecb847aa0d8495a/model/yolox_nano.onnx",
        .sha256 = "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
        .licence = "Apache-2.0 (YOLOX, Megvii)",
        .manifest = "{name: yolox_nano_416, decode: yolox, classes: coco,"
                    " licence: 'Apache-2.0 (YOLOX, Megvii)'}",
    },
    {
        .name = "nanodet_m_416",
        .url = "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
               "966be4cb6eefc2a4f586ed0581bf4bbaa2533070/models/object_detection_nanodet/"
               "object_detection_nanodet_2022nov.onnx",
        .sha256 = "4b82da9944b88577175ee23a459dce2e26e6e4be573def65b1055dc2d9720186",
        .licence = "Apache-2.0 (NanoDet; opencv_zoo)",
        .manifest = "{name: nanodet_m_416, decode: gfl, classes: coco,"
                    " licence: 'Apache-2.0 (NanoDet; opencv_zoo)'}",
    },
    {
        .name = "picodet_s_320",
        .url = RAW "hpc203/picodet-onnxruntime/dfe4d6cd0a18cd4126ee381e81df8a0b1e6ad97b/coco/"
                   "picodet_s_320_coco.onnx",
        .sha256 = "d7852a1508b36bfc2739770ad52ff28bf81e219dc5c15dd7868d5ebdf007b6c8",
        .licence = "Apache-2.0 (PaddleDetection)",
        .manifest = "{name: picodet_s_320, decode: gfl, resize: stretch, colour: RGB,"
                    " mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375],"
                    " classes: coco, licence: 'Apache-2.0 (PaddleDetection)'}",
    },
    {
        .name = "fastestdet_352",
        .url = RAW "dog-qiuqiu/FastestDet/50473cd155cb088aa4a99e64ff6a4b3c24fa07e1/example/"
                   "onnx-runtime/FastestDet.onnx",
        .sha256 = "31cb14c017fce347cb4c846ec62fdf00d76bb3beecdf4be21e7116ac67feb880",
        .licence = "BSD-3-Clause",
        .manifest = "{name: fastestdet_352, decode: fastestdet, classes: coco,"
                    " licence: BSD-3-Clause}",
    },
    {
        .name = "yunet_n_640",
        .url = RAW "ShiqiYu/libfacedetection.train/0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/"
                   "yunet_n_640_640.onnx",
        .sha256 = "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        .licence = "Apache-2.0 (OpenMMLab; Shiqi Yu)",
        .manifest = "{name: yunet_n_640, decode: yunet, classes: [face],"
                    " licence: 'Apache-2.0 (OpenMMLab; Shiqi Yu)'}",
    },
    {
        .name = "ultraface_rfb_320",
        .url = RAW "Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB/"
                   "dffdddda9794a50607cba8f318507a28c1c27cab/models/onnx/version-RFB-320.onnx",
        .sha256 = "34cd7e60aeff28744c657de7a3dc64e872d506741de66987f3426f2b79f88017",
        .licence = "MIT",
        .manifest = "{name: ultraface_rfb_320, decode: ultraface, classes: [face], licence: MIT}",
    },
};

const struct om_catalogue_item *om_catalogue_find(const char *name)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(items); i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    return NULL;
}

const struct om_catalogue_item *om_catalogue_all(int *ret_count)
{
    *ret_count = (int)OM_ARRAY_LEN(items);
    return items;
}
