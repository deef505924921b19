// For tests only: NVIDIA's management library for a machine with two cards. The second is old: it
// does not tell what its decoder does nor what it draws. OMMA_FAKE_NVML=broken: the driver is gone.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    unsigned long long total, free, used;
};
struct utilization {
    unsigned int gpu, memory;
};

int nvmlInit_v2(void);
int nvmlSystemGetDriverVersion(char *text, unsigned int size);
int nvmlDeviceGetCount_v2(unsigned int *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **ret);
int nvmlDeviceGetName(void *device, char *text, unsigned int size);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret);
int nvmlDeviceGetUtilizationRates(void *device, struct utilization *ret);
int nvmlDeviceGetDecoderUtilization(void *device, unsigned int *ret, unsigned int *ret_period_us);
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *ret);
int nvmlDeviceGetPowerUsage(void *device, unsigned int *ret);

enum { NOT_SUPPORTED = 3, UNKNOWN = 999 };

static int cards[2] = {0, 1};

int nvmlInit_v2(void)
{
    const char *fault = getenv("OMMA_FAKE_NVML");
    return fault && strcmp(fault, "broken") == 0 ? UNKNOWN : 0;
}

int nvmlSystemGetDriverVersion(char *text, unsigned int size)
{
    snprintf(text, size, "555.42.02");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *ret)
{
    *ret = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **ret)
{
    if (index > 1)
        return UNKNOWN;
    *ret = &cards[index];
    return 0;
}

int nvmlDeviceGetName(void *device, char *text, unsigned int size)
{
    snprintf(text, size, "%s", *(int *)device ? "Old \"Card\"" : "NVIDIA L4");
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret)
{
    unsigned long long gib = 1ull << 30;
    *ret = *(int *)device ? (struct memory){2 * gib, gib, gib}
                          : (struct memory){24 * gib, 18 * gib, 6 * gib};
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *device, struct utilization *ret)
{
    *ret = *(int *)device ? (struct utilization){0, 0} : (struct utilization){37, 12};
    return 0;
}

int nvmlDeviceGetDecoderUtilization(void *device, unsigned int *ret, unsigned int *ret_period_us)
{
    if (*(int *)device)
        return NOT_SUPPORTED;
    *ret = 81;
    *ret_period_us = 167000;
    return 0;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *ret)
{
    *ret = *(int *)device ? 40 : 66;
    return sensor == 0 ? 0 : NOT_SUPPORTED;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned int *ret)
{
    if (*(int *)device)
        return NOT_SUPPORTED;
    *ret = 48250;
    return 0;
}
