#include "spprof.h"

#include <math.h>

spprof_weight spprof_weigh(uint64_t size, uint32_t rate) {
    double probability = rate == 0 || size == 0 ? 1.0 : -expm1(-(double)size / rate);
    return (spprof_weight){
        .probability = probability,
        .size = size,
        .bytes = (uint64_t)llround((double)size / probability * SPPROF_BYTES_ONE),
        .objects = (uint64_t)llround(SPPROF_OBJECTS_ONE / probability),
    };
}
